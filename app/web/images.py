"""Pictures from memory: an answer costs less than its three pictures, so these must be cheap."""

from threading import Lock

from anyio import to_thread
from starlette.responses import Response

from app.web.deps import Services

_HEADERS = {"Cache-Control": "private, max-age=31536000, immutable"}
_lock = Lock()  # cachetools' caches are not safe between threads


def stored(services: Services, digest: str) -> Response:
    """A picture as it lies in the store."""
    return Response(services.store.image(digest), media_type="image/png", headers=_HEADERS)


async def serve(services: Services, digest: str) -> Response:
    """The stored file of that hash. All answers look alike but for the pixels."""
    with _lock:
        data = services.images.get(digest)
    if data is None:
        data = await to_thread.run_sync(services.store.image, digest)
        if len(data) <= services.images.maxsize:
            with _lock:
                services.images[digest] = data
    return Response(data, media_type="image/png", headers=_HEADERS)
