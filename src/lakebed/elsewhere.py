"""Names that Deep Lake 3 and 4 have and Lakebed has not, and what does the same here; read only to word an error."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_PARQUET = "read the file with pandas or pyarrow and give the table to ds.extend(table)"
_ASYNC = "calls return when they are done; several threads may read one dataset"
_NO_LOCK = "there are no locks: readers never wait, and writers rebase on each other"
_NO_ACCOUNT = "there is no account and no server"
_NO_INDEX = "there are no search indexes to keep; ORDER BY cosine_similarity(...) reads the vectors"
_ROWS_ARE_WHOLE = "rows are whole here"
_BACKEND = "where files lie and how they are kept is no part of the API; docs/format.md describes it"

_MODULE = {
    "Client": _NO_ACCOUNT,
    "Column": "lakebed.Tensor",
    "ReadOnlyDataset": "lakebed.load(path, read_only=True)",
    "Schema": "ds.tensors",
    "VectorStore": 'keep texts and vectors in tensors (htype="text", "embedding") and ask with ds.query',
    "connect": _NO_ACCOUNT,
    "convert": "datasets of Deep Lake are not read; see docs/deep-lake.md on moving one",
    "core": "public names are directly in lakebed",
    "create": "lakebed.empty(path), then ds.create_tensor(...)",
    "disconnect": _NO_ACCOUNT,
    "explain_query": "ds.explain_query(text)",
    "export_yolo": "ds.to_yolo(folder)",
    "from_coco": "lakebed.ingest_coco(images, annotations, path)",
    "from_csv": _PARQUET,
    "from_parquet": _PARQUET,
    "ingest_auto": "lakebed.ingest_classification(folder, path)",
    "ingest_dataframe": _PARQUET,
    "ingest_huggingface": "iterate over it and call ds.extend({...}) for a thousand rows at a time",
    "ingest_kaggle": "download it, then lakebed.ingest_classification, ingest_coco or ingest_yolo",
    "link_tiled": "use a sequence[link[image]], or make the big image first",
    "list": "list the folder or bucket that holds the datasets",
    "open": "lakebed.load(path)",
    "open_read_only": "lakebed.load(path, read_only=True)",
    "prepare_query": 'ds.query("... ? ...", params=[...])',
    "random": "every random choice takes seed=: ds.query, sample_by, random_split, pytorch",
    "rechunk": "nothing: commits join small files by themselves",
    "schemas": "tensors are made one by one with ds.create_tensor(...)",
    "tiled": "append the whole array; samples larger than a chunk are cut by themselves",
    "types": 'ds.create_tensor("images", htype="image", sample_compression="jpg")',
    "util": "errors are directly in lakebed: lakebed.NotFoundError, lakebed.SampleError, ...",
}

_ROWS = {
    "add_column": 'ds.create_tensor("name", htype="class_label"); docs/deep-lake.md lists the htypes for types',
    "allow_delete": "nothing is deleted unless delete() is called; above 1 GiB it asks for large_ok=True",
    "auto_commit_enabled": "nothing is committed unasked; what is written lands by itself",
    "base_storage": _BACKEND,
    "batches": "ds.dataloader().batch(n).numpy(), or ds.pytorch(batch_size=n)",
    "client": _NO_ACCOUNT,
    "columns": "ds.tensors",
    "connect": _NO_ACCOUNT,
    "created_time": 'ds.commits[-1]["time"] is that of the first commit',
    "current_branch": "ds.branch",
    "description": 'ds.info["description"] = text',
    "fix_vc": "ds.verify(), and lakebed.repair(path) if it finds damage",
    "history": "ds.commits, or ds.log()",
    "id": "ds.meta[\"uuid\"] is the dataset's, view.id a saved view's",
    "index": "ds.sample_indices",
    "indexing_config": _NO_INDEX,
    "indexing_mode": _NO_INDEX,
    "keys": "ds.tensors",
    "link_creds": "ds.get_creds_keys()",
    "lock": _NO_LOCK,
    "map": "lakebed.compute makes a transform of a function: f().eval(ds, other)",
    "metadata": "ds.info",
    "name": "ds.path",
    "no_view_dataset": "lakebed.load(view.path)",
    "org_id": _NO_ACCOUNT,
    "prepare_query": 'ds.query("... ? ...", params=[...])',
    "pull": "lakebed.deepcopy(src, dest) copies a dataset with its history",
    "push": "lakebed.deepcopy(src, dest) copies a dataset with its history",
    "query_config": _NO_INDEX,
    "regenerate_vdb_indexes": _NO_INDEX,
    "remove_column": 'ds.delete_tensor("name")',
    "rename": "lakebed.rename(path, new_name)",
    "rename_column": 'ds.rename_tensor("old", "new")',
    "rollback": "ds.reset()",
    "save_view": "ds[:].save_view(id=...) saves all rows as a view",
    "schema": "ds.tensors, or ds.summary()",
    "set_creds_key": "ds.add_creds_key(name)",
    "set_token": _NO_ACCOUNT,
    "shuffle": 'ds.pytorch(shuffle=True), or ds.query("select * order by random()", seed=1)',
    "storage": _BACKEND,
    "token": _NO_ACCOUNT,
    "unlock": _NO_LOCK,
    "username": _NO_ACCOUNT,
    "version": "ds.commit_id",
    "version_state": "ds.branch, ds.commit_id and ds.commits",
}

_TENSOR = {
    "clear": f"{_ROWS_ARE_WHOLE}: ds.delete_tensor(name) drops the tensor, tensor[:] = [None] * len(ds) empties it",
    "create_index": _NO_INDEX,
    "create_vdb_index": _NO_INDEX,
    "delete_vdb_index": _NO_INDEX,
    "drop_index": _NO_INDEX,
    "get_bytes": "tensor[i].tobytes()",
    "get_vdb_indexes": _NO_INDEX,
    "indexes": _NO_INDEX,
    "metadata": "tensor.info",
    "modified_samples": "ds.diff(as_dict=True)",
    "play": "write the file with tensor[i].tobytes() and open it",
    "pop": f"{_ROWS_ARE_WHOLE}: ds.pop(i) removes one from all tensors",
    "statistics": 'ds.query("select min(x), max(x), count(distinct x)") computes them',
    "timestamps": "tensor[i].data()",
}

_ROW = {
    "get_bytes": "row[name].tobytes()",
    "row_id": "row.index; permanent ids stay inside",
    "to_dict": "row.numpy()",
}

OF_DATASETS = frozenset(
    [
        "add_creds_key",
        "append",
        "branch",
        "branches",
        "checkout",
        "commit",
        "commits",
        "create_group",
        "create_tensor",
        "create_tensor_like",
        "delete",
        "delete_branch",
        "delete_group",
        "delete_tensor",
        "delete_view",
        "diff",
        "extend",
        "flush",
        "gc",
        "get_view",
        "get_views",
        "load_view",
        "log",
        "merge",
        "pop",
        "populate_creds",
        "rename_group",
        "rename_tensor",
        "reset",
        "revert",
        "tags",
        "update",
        "update_creds_key",
        "verify",
    ]
)
"""What a dataset has and a view of it has not."""

TABLES = {"module": _MODULE, "rows": _ROWS, "tensor": _TENSOR, "row": _ROW}


def instead(kind: str, name: str, names: Iterable[str]) -> str:
    """What to add to "no attribute `name`": what Deep Lake's name is here, or which of `names` was perhaps meant.

    `kind` is a key of `TABLES`. An attribute of a coroutine's name (``..._async``) points at the plain one.

    >>> instead("rows", "history", ["log", "commits"])
    '; instead: ds.commits, or ds.log()'
    >>> instead("rows", "comits", ["log", "commits"])
    '; did you mean commits?'
    """
    known = TABLES[kind].get(name) or (_ASYNC if name.endswith("_async") else "")
    if known:
        return f"; instead: {known}"
    public = [one for one in names if not one.startswith("_")]
    near = get_close_matches(name, public, n=2, cutoff=0.7)
    return f"; did you mean {' or '.join(near)}?" if near else ""
