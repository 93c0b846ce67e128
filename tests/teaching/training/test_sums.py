"""The shipped weights are those that were trained: their hashes are shipped beside them."""

from course_utils.teaching.training.save import write_sums, wrong_files


def test_every_shipped_file_is_as_its_hash_says():
    assert wrong_files() == {}, "after adding weights on purpose: python tools/write_sums.py"


def test_changed_missing_and_unlisted_files_are_named(tmp_path):
    for name in ("a.safetensors", "b.safetensors", "b.tokenizer.json"):
        (tmp_path / name).write_text(name)
    write_sums(tmp_path)
    assert wrong_files(tmp_path) == {}
    (tmp_path / "a.safetensors").write_text("other")
    (tmp_path / "b.tokenizer.json").unlink()
    (tmp_path / "c.safetensors").write_text("new")
    assert wrong_files(tmp_path) == {
        "a.safetensors": "changed", "b.tokenizer.json": "missing", "c.safetensors": "not listed"
    }  # fmt: skip
