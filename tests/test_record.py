from tests import record


def test_a_record_is_stale_if_what_git_has_changed_and_not_if_only_the_cache_lacks_it() -> None:
    entries = [
        "changed command",
        {"changed deps": {"digits/model": "modified", "stages/gone.py": "deleted", "params.yaml": {"train": "new"}}},
        {"changed deps": {"data/processed/train.npz": "deleted"}},
        {"changed outs": {"models/model.keras": "not in cache", "plots/layers.csv": "deleted"}},
        {"changed outs": {"metrics/gone.json": "deleted"}},
    ]
    stale = ["changed command", "digits/model", "stages/gone.py", "params.yaml (train)", "metrics/gone.json"]
    assert record.stale_entries(record.ROOT, entries) == stale
