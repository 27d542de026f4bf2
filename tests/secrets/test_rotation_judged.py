"""What rotate_secrets.yml says before it changes anything, and what it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from playbook_helpers import run_playbook, said

VALKEY, ROOT_USER = "secret_valkey_password_former", "secret_minio_root_password_former"
TAKEN = '{"rotate_secrets_accept": ["pause"]}'


def judged(tmp_path: Path, *options: str, former: list[str], **changes: Any) -> tuple[int, str]:
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "roles": ["rotate_secrets"],
        "vars": {
            "rotate_secrets_former": former,
            "rotate_secrets_pauses": {ROOT_USER: "files are away"},
            "rotate_secrets_status": {"verdict": {"can_fail_over": True, "because": []}},
            "rotate_secrets_command": "langflow-ha",
            "rotate_secrets_inventory": "inventories/mysite",
            **changes,
        },
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    done = run_playbook(tmp_path / "play.yml", *options)
    return done.returncode, said(done)


@pytest.mark.playbooks
def test_a_pause_is_refused_until_somebody_takes_it(tmp_path: Path) -> None:
    code, answer = judged(tmp_path, former=[VALKEY, ROOT_USER])
    assert code != 0
    assert "Nothing was changed. There will be a pause: files are away." in answer
    code, answer = judged(tmp_path, "-e", TAKEN, former=[VALKEY, ROOT_USER])
    assert code == 0, answer
    assert "until the end: secret_valkey_password" in answer
    assert "With a pause: files are away" in answer


@pytest.mark.playbooks
def test_a_check_says_the_pause(tmp_path: Path) -> None:
    code, answer = judged(tmp_path, "--check", former=[ROOT_USER])
    assert code == 0, answer
    assert "With a pause: files are away" in answer
    assert "until the end" not in answer


@pytest.mark.playbooks
def test_without_one_nobody_is_asked(tmp_path: Path) -> None:
    code, answer = judged(tmp_path, former=[VALKEY])
    assert (code, "With a pause" in answer) == (0, False)
    code, answer = judged(tmp_path, former=[])
    assert (code, "nothing is under way" in answer) == (0, True)


@pytest.mark.playbooks
@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"rotate_secrets_limited": True}, "--limit leaves nodes out"),
        (
            {"rotate_secrets_status": {"verdict": {"can_fail_over": False, "because": ["x"]}}},
            "The cluster cannot fail over now: x",
        ),
    ],
)
def test_the_word_for_the_pause_takes_nothing_else(
    tmp_path: Path, changes: dict[str, Any], word: str
) -> None:
    code, answer = judged(tmp_path, "-e", TAKEN, former=[ROOT_USER], **changes)
    assert code != 0
    assert word in answer
