from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from langflow_ha.bundle import artefacts, collector, container, langflow, lock, minio, victorialogs
from langflow_ha.bundle.cli import app
from langflow_ha.bundle.container import BuildError, passed_environment, pip_configurations
from typer.testing import CliRunner


def _wheels(directory: Path, lock_file: Path) -> str:
    (directory / "wheels").mkdir(parents=True)
    wheel = directory / "wheels" / "alpha-1.0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    (directory / "uv").write_bytes(b"uv")
    digest = artefacts.sha256(wheel)
    lock_file.write_text(f"alpha==1.0 --hash=sha256:{digest}\n")
    return digest


def test_bundle_names_every_file_with_its_digest(tmp_path: Path) -> None:
    directory, lock_file = tmp_path / "b", tmp_path / "lock.txt"
    digest = _wheels(directory, lock_file)
    assert langflow.assemble(directory, lock_file, "debian13", "9.9.9") == []
    target = tmp_path / "bundle.tar"
    langflow.pack(directory, target)
    assert artefacts.is_sealed(target)
    with tarfile.open(target) as archive:
        names = archive.getnames()
        assert {member.uid for member in archive.getmembers()} == {0}
        stream = archive.extractfile("manifest.json")
        assert stream is not None
        manifest = json.load(stream)
    assert "wheels/alpha-1.0-py3-none-any.whl" in names
    assert manifest["files"]["wheels/alpha-1.0-py3-none-any.whl"] == digest
    assert set(manifest["files"]) == {"wheels/alpha-1.0-py3-none-any.whl", "uv", "requirements.txt"}
    assert manifest["python_tag"] == "cp313"
    assert manifest["lock_sha256"] == artefacts.sha256(lock_file)


def test_a_changed_artefact_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"1")
    assert not artefacts.is_sealed(file)
    artefacts.seal(file)
    assert artefacts.is_sealed(file)
    file.write_bytes(b"2")
    assert not artefacts.is_sealed(file)


def test_bundle_file_is_named_after_the_lock() -> None:
    name = langflow.bundle_file("debian12").name
    assert name.startswith("langflow-1.13.0-")
    assert name.endswith("-cp311-x86_64.tar")


@pytest.mark.parametrize("version", langflow.locked_versions())
@pytest.mark.parametrize("system", langflow.PYTHON)
def test_every_lock_of_the_kit_is_fit_to_be_kept(version: str, system: str) -> None:
    lock.checked(langflow.needed_lock(system, version).read_text("utf-8"), version)


def test_a_version_without_a_lock_is_refused_with_the_way_to_one() -> None:
    result = CliRunner().invoke(app, ["build", "--only", "langflow", "--version", "9.9.9"])
    assert result.exit_code == 1
    assert "there is no lock of it for debian13, only of 1.12.8, 1.13.0" in result.output
    assert "bundle lock --version 9.9.9" in result.output


def fake_uv(directory: Path, script: str) -> None:
    (directory / "uv").write_text(f"#!/bin/sh\n{script}\n")
    (directory / "uv").chmod(0o755)


def test_a_lock_says_how_it_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(langflow, "LOCKS", tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    fake_uv(
        tmp_path, f"""echo "$(cat) --hash=sha256:{"a" * 64}" | sed 's/\\[.*\\]//'; echo "# $*" """
    )
    path = langflow.make_lock("debian12", "1.2.3", "2026-11-01", lambda _: None)
    head, command, pin, ran = path.read_text().splitlines()
    assert "langflow-base[postgresql,pgvector]==1.2.3 for CPython 3.11" in head
    assert pin == f"langflow-base==1.2.3 --hash=sha256:{'a' * 64}"
    # What the file says is what was run.
    assert ran == f"{command.replace('# uv', '#')} --quiet --no-header -"
    assert "--exclude-newer 2026-11-01T00:00:00Z" in command
    assert langflow.locked_versions() == ["1.2.3"]


def test_a_lock_that_cannot_be_resolved_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(langflow, "LOCKS", tmp_path)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    fake_uv(tmp_path, "echo no such release >&2; exit 1")
    with pytest.raises(BuildError, match="no such release"):
        langflow.make_lock("debian12", "1.2.3", "2026-11-01", lambda _: None)
    assert langflow.locked_versions() == []


def test_minio_pin() -> None:
    pin = minio.Pin("m.example/minio", "v0.0.0-20260212201848-7aac2a2c5b7c", "go1", "")
    assert pin.release == "DEVELOPMENT.2026-02-12T20-18-48Z"
    assert "-X m.example/minio/cmd.Version=2026-02-12T20:18:48Z" in pin.ldflags
    assert pin.ldflags.endswith("cmd.ShortCommitID=7aac2a2c5b7c")
    assert minio.pin().version.startswith("v0.0.0-")


def test_victorialogs_is_compiled_with_the_compiler_of_its_digest() -> None:
    recipe = victorialogs.recipe()
    assert recipe.package.endswith("/app/victoria-logs")
    assert recipe.toolchain == recipe.compiler
    assert recipe.ldflags.endswith(".Version=victoria-logs-1.52.1")
    assert victorialogs.binary_file().name == "victorialogs-v1.52.1-linux-amd64"


def test_the_collector_is_compiled_of_what_its_builder_wrote() -> None:
    recipe = collector.recipe()
    assert recipe.toolchain == recipe.compiler
    assert collector.binary_file().name == "collector-v0.161.0-linux-amd64"
    components = yaml.safe_load((collector.MODULE / "components.yaml").read_text("utf-8"))
    assert f"v{components['dist']['version']}" == recipe.version
    module = (collector.MODULE / "go.mod").read_text("utf-8")
    code = (collector.MODULE / "components.go").read_text("utf-8")
    for kind in ("receivers", "processors", "exporters", "extensions", "providers"):
        for component in components[kind]:
            assert f"\t{component['gomod']}\n" in module
            if kind != "providers":
                assert f'"{component["gomod"]}"' in code


def test_a_program_of_the_kit_is_compiled_where_it_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, Any] = {}

    def run(*_: object, output: Path, **options: Any) -> None:
        seen.update(options)
        (output / "program").write_bytes(b"program")
        (output / "compiler").write_text("go1.27.3\n")

    monkeypatch.setattr(container, "run", run)
    monkeypatch.setattr(artefacts, "DIRECTORY", tmp_path)
    with pytest.raises(BuildError, match="has the digest"):
        collector.build(lambda _: None)
    assert seen["inputs"] == {"module": collector.MODULE}
    assert seen["environment"]["TOOLCHAIN"] == "go1.27.3"


def test_nothing_is_built_that_was_not_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    monkeypatch.setattr(langflow, "build", lambda *_: built.append("langflow"))
    monkeypatch.setattr(minio, "build", lambda _: built.append("minio"))
    monkeypatch.setattr(victorialogs, "build", lambda _: built.append("logs"))
    monkeypatch.setattr(collector, "build", lambda _: built.append("traces"))
    for options, wanted in {
        (): ["langflow", "minio"],
        ("--logs",): ["langflow", "minio", "logs"],
        ("--traces",): ["langflow", "minio", "traces"],
        ("--only", "logs"): ["logs"],
        ("--only", "traces"): ["traces"],
        ("--only", "minio"): ["minio"],
        ("--only", "traces", "--only", "logs"): ["logs", "traces"],
    }.items():
        built.clear()
        assert CliRunner().invoke(app, ["build", *options]).exit_code == 0
        assert built == wanted


def test_an_operators_binary_must_have_the_stated_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(artefacts, "DIRECTORY", tmp_path / "artefacts")
    binary = tmp_path / "minio"
    binary.write_bytes(b"binary")
    with pytest.raises(BuildError, match="has the digest"):
        minio.supply(binary, "0" * 64, lambda _: None)
    assert list((tmp_path / "artefacts").iterdir()) == []
    supplied = minio.supply(binary, artefacts.sha256(binary), lambda _: None)
    assert artefacts.is_sealed(supplied)
    assert supplied.stat().st_mode & 0o111


def test_package_settings_are_passed_and_secrets_of_others_are_not(tmp_path: Path) -> None:
    environment = {"PIP_INDEX_URL": "https://i.example", "PIP_CERT": "/x", "AWS_SECRET": "s"}
    passed = passed_environment(environment, {"GOPROXY": "https://g.example", "GOSUMDB": ""})
    assert passed == {"PIP_INDEX_URL": "https://i.example", "GOPROXY": "https://g.example"}
    own = tmp_path / "pip.conf"
    own.write_text("[global]\n")
    assert pip_configurations({"PIP_CONFIG_FILE": str(own)}, tmp_path)[own] == str(own)
