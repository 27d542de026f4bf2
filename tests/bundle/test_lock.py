from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langflow_ha.bundle import lock

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
LOCK = f"""\
# made by a tool
alpha-one==1.2.3 \\
    --hash=sha256:{A} \\
    --hash=sha256:{B}
    # via something
Beta[extra]==2.0 ; sys_platform == 'win32' \\
    --hash=sha256:{C}
"""


def test_parse() -> None:
    pins = lock.parse(LOCK)
    assert [(pin.name, pin.version, len(pin.hashes)) for pin in pins] == [
        ("alpha-one", "1.2.3", 2),
        ("beta", "2.0", 1),
    ]
    assert pins[0].marker == ""
    assert pins[1].marker == "sys_platform == 'win32'"


@pytest.mark.parametrize("line", ["alpha", "alpha>=1 --hash=sha256:" + A, "alpha==1"])
def test_what_is_not_pinned_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="not pinned"):
        lock.parse(line)


def test_rewrite_names_each_wheel_with_its_own_hash() -> None:
    wheels = {"alpha_one-1.2.3-py3-none-any.whl": B}
    assert lock.rewrite(wheels, lock.parse(LOCK)) == f"alpha-one==1.2.3 --hash=sha256:{B}\n"


def test_rewrite_refuses_what_is_missing_or_too_much() -> None:
    with pytest.raises(ValueError, match="no wheel for alpha-one"):
        lock.rewrite({}, lock.parse(LOCK))
    wheels = {"alpha_one-1.2.3-py3-none-any.whl": A, "gamma-1-py3-none-any.whl": A}
    with pytest.raises(ValueError, match=r"gamma-1-py3-none-any\.whl is not in the lock"):
        lock.rewrite(wheels, lock.parse(LOCK))


def test_rewrite_refuses_another_version() -> None:
    with pytest.raises(ValueError, match=r"the lock has 1\.2\.3"):
        lock.rewrite({"alpha_one-1.2.4-py3-none-any.whl": A}, lock.parse(LOCK))


def test_wheels_built_here_are_those_the_lock_does_not_know() -> None:
    wheels = {"alpha_one-1.2.3-py3-none-any.whl": "d" * 64, "beta-2.0-py3-none-any.whl": C}
    assert lock.built_here(wheels, lock.parse(LOCK)) == ["alpha_one-1.2.3-py3-none-any.whl"]


@given(st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", fullmatch=True))
def test_normalising_twice_is_normalising_once(name: str) -> None:
    assert lock.normalise(lock.normalise(name)) == lock.normalise(name)


def test_a_lock_that_names_an_address_or_another_release_is_not_kept() -> None:
    line = f"langflow-base==1.2.3 --hash=sha256:{A}\n"
    assert lock.checked(line, "1.2.3") == line
    with pytest.raises(ValueError, match="names an address"):
        lock.checked(f"--index-url https://mirror.example/simple\n{line}", "1.2.3")
    with pytest.raises(ValueError, match=r"has langflow-base 1\.2\.3, not 1\.2\.4"):
        lock.checked(line, "1.2.4")
