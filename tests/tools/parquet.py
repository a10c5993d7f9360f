"""Writes the Parquet files in runner/src/workload/testdata, as the hub's data sets have them.

Needs `pip install pyarrow pillow`. Run it from the root of the repository:

    python tests/tools/parquet.py
"""

import io
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

FOLDER = pathlib.Path("runner/src/workload/testdata")


def picture(form, colour, size):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, form)
    return {"bytes": out.getvalue(), "path": None}


def said(role, content):
    return {"role": role, "content": content}


articles = pa.table(
    {
        "article": ["wa wb wc", "wd", None, "we wf"] + [f"w{chr(97 + i % 26)} wz" for i in range(60)],
        "highlights": ["wa", None, "wb", "wg wh wi"] + ["wa wb"] * 60,
        "id": [str(i) for i in range(64)],
    }
)
conversations = pa.table(
    {
        "id": ["a", "b"],
        "conversations": [
            [{"from": "human", "value": "wa \u00e9"}, {"from": "gpt", "value": "wb wc"}],
            [{"from": "human", "value": "wd"}, {"from": "gpt", "value": "we"}, {"from": "human", "value": "wf"}],
        ],
    }
)
pictures = pa.table(
    {
        "images": [
            [picture("PNG", (255, 0, 0), (8, 4)), picture("JPEG", (0, 255, 0), (16, 16))],
            [picture("GIF", (0, 0, 255), (4, 4)), {"bytes": b"no picture", "path": None}],
            [picture("WEBP", (1, 2, 3), (5, 5))],
            [picture("PNG", (9, 9, 9), (2, 2))],
        ],
        "conversation": [
            [[said("user", "What is it?")], [said("assistant", "Red.")]],
            [[said("user", "And this?")]],
            [[said("system", "Be brief."), said("user", " "), said("user", "Which \u00e9?")]],
            [[said("user", "")], [said("assistant", "?")]],
        ],
        "language": ["English"] * 4,
    }
)
pq.write_table(articles, FOLDER / "articles.parquet", row_group_size=16, compression="snappy")
pq.write_table(conversations, FOLDER / "conversations.parquet", compression="none")
pq.write_table(pictures, FOLDER / "pictures.parquet", compression="gzip")
