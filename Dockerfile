# Two images of one checkout: `server` (no torch) and `generator` (with it).
FROM python:3.11-slim AS base
RUN pip install --no-cache-dir uv \
 && useradd --create-home alike \
 && mkdir /data /store \
 && chown alike: /data /store
WORKDIR /alike
COPY pyproject.toml requirements.lock README.md ./
COPY app app
COPY generator generator
COPY migrations migrations
COPY static static
COPY templates templates

FROM base AS server
RUN uv pip install --system --no-cache --constraint requirements.lock ".[s3]"
USER alike
ENV ALIKE_HOST=0.0.0.0 ALIKE_PORT=8000 ALIKE_DATA_DIR=/data ALIKE_STORE=/store
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["sh", "-c", "alike db upgrade && exec alike serve"]

FROM base AS generator
RUN uv pip install --system --no-cache --constraint requirements.lock ".[generator,timm,clip,lpips,ray,s3]"
USER alike
WORKDIR /recipes
ENTRYPOINT ["alike-generate"]
