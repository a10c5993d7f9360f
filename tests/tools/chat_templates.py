"""Writes what `transformers` makes of the chat templates in runner/src/workload/chat_template/oracle.

Needs `pip install transformers jinja2`. Run it from the root of the repository after a template or a conversation was
changed, and look at what changes in expected.json:

    python tests/tools/chat_templates.py
"""

import datetime
import json
import pathlib
from unittest import mock

from transformers.utils import chat_template_utils

FOLDER = pathlib.Path("runner/src/workload/chat_template/oracle")


class Fixed(datetime.datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz=None):
        return cls(2026, 2, 3, 4, 5, 6)


def special_tokens():
    given = json.loads((FOLDER / "special_tokens.json").read_text())
    texts = {name: token["content"] if isinstance(token, dict) else token for name, token in given.items()}
    return {name: text for name, text in texts.items() if text is not None}


def rendered(template, conversation, prompt):
    """The text, or None where the template refuses the conversation."""
    try:
        with mock.patch.object(chat_template_utils, "datetime", Fixed):
            texts, _ = chat_template_utils.render_jinja_template(
                [conversation], chat_template=template, add_generation_prompt=prompt, **special_tokens()
            )
        return texts[0]
    except Exception as error:  # noqa: BLE001 - whatever it raises, there is no text
        print("no text:", error)
        return None


def main():
    conversations = json.loads((FOLDER / "conversations.json").read_text())
    expected = {
        path.stem: {
            name: [rendered(path.read_text(), conversation, prompt) for prompt in (False, True)]
            for name, conversation in conversations.items()
        }
        for path in sorted(FOLDER.glob("*.jinja"))
    }
    text = json.dumps(expected, indent=1, ensure_ascii=False)
    (FOLDER / "expected.json").write_text(text + "\n")


main()
