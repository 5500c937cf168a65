"""Making studies: draft, then publish."""

from statistics import fmean

from sqlalchemy.orm import Session

from app.db import tables as t
from app.db.types import now
from app.errors import NotFound
from app.store import Item, canonical, sha256
from app.studies import queries
from app.studies.protocol import Protocol
from app.studies.publishing import Prepared


def save_draft(db: Session, *, protocol: Protocol) -> t.Study:
    """Keep the draft of a study; the draft that an existing slug had is replaced, its versions stay."""
    study = queries.study(db, protocol.slug)
    if study is None:
        study = t.Study(slug=protocol.slug)
        db.add(study)
    study.draft = protocol.model_dump(mode="json")
    study.updated_at = now()
    db.flush()
    return study


def draft(db: Session, *, slug: str) -> Protocol:
    """Raises NotFound, naming the slugs that exist."""
    study = queries.study(db, slug)
    if study is None:
        known = ", ".join(s.slug for s in queries.studies(db)) or "none yet"
        raise NotFound(f"there is no study {slug!r}; there is: {known}")
    return Protocol.model_validate(study.draft)


def published(db: Session, *, slug: str, number: int | None = None) -> t.StudyVersion:
    """A published version, by default the latest. Raises NotFound."""
    version = queries.version(db, slug, number)
    if version is None:
        if queries.study(db, slug) is None:
            raise NotFound(f"there is no study {slug!r}")
        wanted = "" if number is None else f" {number}"
        raise NotFound(f"study {slug!r} has no published version{wanted}")
    return version


def publish_study(db: Session, *, prepared: Prepared) -> t.StudyVersion:
    """Freeze the next version: protocol, conditions with their labels, trial specs, renditions."""
    protocol = prepared.protocol
    study = queries.study(db, protocol.slug)
    if study is None:
        raise NotFound(f"there is no study {protocol.slug!r}")
    db.refresh(study, with_for_update=True)  # two who publish at once get two numbers
    frozen = protocol.model_dump(mode="json")
    version = t.StudyVersion(
        study_id=study.id,
        number=queries.latest_numbers(db).get(study.id, 0) + 1,
        protocol=frozen,
        protocol_sha256=sha256(canonical(frozen)),
        question_sha256=sha256(protocol.question.encode()),
        report=prepared.report.model_dump(mode="json"),
    )
    db.add(version)
    db.flush()
    condition_ids = _add_conditions(db, version.id, prepared)
    db.add_all(
        t.TrialSpec(
            version_id=version.id,
            condition_id=None if spec.set_id is None else condition_ids[spec.set_id],
            role=spec.role,
            trial_type=protocol.trial_type,
            spec=spec.spec,
            target_id=spec.target_id,
            cluster=spec.cluster,
            start_id=spec.start_id,
            replicate=spec.replicate,
        )
        for spec in prepared.specs
    )
    db.add_all(
        t.Rendition(version_id=version.id, original_sha256=original, rendition_sha256=rendition)
        for original, rendition in prepared.renditions.items()
    )
    db.flush()
    return version


def _add_conditions(db: Session, version_id: int, prepared: Prepared) -> dict[str, int]:
    rows = {
        set_id: t.Condition(
            version_id=version_id,
            set_id=set_id,
            name=prepared.names[set_id],
            source=stimuli.source.model_dump(mode="json"),
            n_items=len(stimuli.items),
            n_valid=sum(item.valid for item in stimuli.items),
            measures=_mean_measures(prepared.shown[set_id]),
        )
        for set_id, stimuli in prepared.sets.items()
    }
    db.add_all(rows.values())
    db.flush()
    return {set_id: row.id for set_id, row in rows.items()}


def _mean_measures(items: list[Item]) -> dict[str, float]:
    """Mean of each measure over the items that are shown, where every one of them has it."""
    if not items:
        return {}
    names = set(items[0].measures).intersection(*(item.measures for item in items))
    return {name: fmean(item.measures[name] for item in items) for name in sorted(names)}
