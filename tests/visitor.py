"""A participant, as a browser would be one: it knows what the server tells it and nothing else."""

from typing import Any

from fastapi.testclient import TestClient

from tests.factories import TIMING

HTML = {"Accept": "text/html"}


class Visitor:
    """One run through the public pages."""

    def __init__(self, client: TestClient, slug: str = "study", query: str = "") -> None:
        self.client = client
        arrived = client.get(f"/s/{slug}{query}", headers=HTML)
        assert arrived.status_code == 303, arrived.text
        self.path = arrived.headers["location"]

    @property
    def token(self) -> str:
        return self.path.rsplit("/", 1)[1]

    def page(self) -> str:
        return self.client.get(self.path, headers=HTML).text

    def consent(self, agree: str = "yes") -> "Visitor":
        assert self.client.post(f"{self.path}/consent", data={"agree": agree}).status_code == 303
        return self

    def plan(self) -> dict[str, Any]:
        told: dict[str, Any] = self.client.get(f"{self.path}/plan").json()
        return told

    def answer(self, trial: int, choice: int = 0, **timing: Any) -> Any:
        body = {"trial": trial, "answer": {"choice": choice}, "timing": {**TIMING, **timing}}
        return self.client.post(f"{self.path}/responses", json=body)

    def answer_all(self, choice: int = 0) -> "Visitor":
        for trial in self.plan()["trials"]:
            assert self.answer(trial["trial"], choice).status_code == 200
        return self
