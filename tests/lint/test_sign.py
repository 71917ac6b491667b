"""Tests of what Secure Boot needs on the host: image/sign, the search for firmware that enforces, image/setup's set.

What image/sign must never do: leave something that is not signed under the name of what is, or a key behind.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "image"))

import firmware
import machine

KERNEL = ROOT / "build" / "keel.efi"
NEEDED = pytest.mark.skipif(not all(map(shutil.which, ("sbsign", "sbverify", "openssl"))),
                            reason="without sbsign, sbverify and openssl")


def sign(*arguments, directory, path=None, **settings):
    """Runs image/sign without a terminal; what it leaves in TMPDIR is looked at afterwards."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KEEL_")}
    scratch = directory / "scratch"
    scratch.mkdir(exist_ok=True)
    ran = subprocess.run([sys.executable, ROOT / "image" / "sign", *arguments], stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=120, start_new_session=True, cwd=directory,
                         env=dict(kept, TMPDIR=str(scratch), PATH=path or kept["PATH"], **settings))
    assert list(scratch.iterdir()) == [], "nothing is left behind, a decrypted key least of all"
    assert list(directory.glob("*.part")) == []
    return ran


def verifies(image, certificate):
    return subprocess.run(["sbverify", "--cert", certificate, image], stdin=subprocess.DEVNULL,
                          capture_output=True).returncode == 0


def new_key(directory, name, *options):
    key, certificate = directory / f"{name}.key", directory / f"{name}.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-days", "2", "-subj", f"/CN={name}",
                    "-keyout", key, "-out", certificate, *options], check=True, capture_output=True)
    return key, certificate


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """(key, certificate) by name: one plain, one under the passphrase "secret"."""
    directory = tmp_path_factory.mktemp("keys")
    return {"plain": new_key(directory, "plain", "-nodes"),
            "locked": new_key(directory, "locked", "-passout", "pass:secret")}


@NEEDED
def test_signs_with_a_persons_key(keys, tmp_path):
    key, certificate = keys["plain"]
    ran = sign(KERNEL, "out.efi", "--key", key, "--cert", certificate, directory=tmp_path)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", ""), "no warning about our PE either"
    assert verifies(tmp_path / "out.efi", certificate)
    assert not verifies(tmp_path / "out.efi", keys["locked"][1])
    assert not verifies(KERNEL, certificate), "the kernel itself stays as it was"


@NEEDED
def test_key_from_the_environment_and_in_place(keys, tmp_path):
    key, certificate = keys["locked"]
    shutil.copyfile(KERNEL, tmp_path / "keel.efi")
    ran = sign("keel.efi", "keel.efi", directory=tmp_path, KEEL_KEY=str(key), KEEL_CERT=str(certificate),
               KEEL_PASSPHRASE="secret")
    assert ran.returncode == 0, ran.stderr
    assert verifies(tmp_path / "keel.efi", certificate)


REFUSALS = [
    ("not a PE", ["text.efi", "out.efi"], {}, "is not an EFI image"),
    ("no image", ["none.efi", "out.efi"], {}, "no such file: none.efi"),
    ("half a pair", [KERNEL, "out.efi", "--key", "plain.key"], {}, "go together"),
    ("half a pair, set", [KERNEL, "out.efi"], {"KEEL_CERT": "plain.pem"}, "go together"),
    ("no key file", [KERNEL, "out.efi", "--key", "none.key", "--cert", "plain.pem"], {}, "no such file: none.key"),
    ("not a key", [KERNEL, "out.efi", "--key", "text.efi", "--cert", "plain.pem"], {}, "cannot sign"),
    ("another's certificate", [KERNEL, "out.efi", "--key", "plain.key", "--cert", "locked.pem"], {}, "cannot sign"),
    ("no passphrase", [KERNEL, "out.efi", "--key", "locked.key", "--cert", "locked.pem"], {}, "passphrase"),
    ("wrong passphrase", [KERNEL, "out.efi", "--key", "locked.key", "--cert", "locked.pem"],
     {"KEEL_PASSPHRASE": "public"}, "wrong or no passphrase"),
    ("no such folder", [KERNEL, "none/out.efi", "--key", "plain.key", "--cert", "plain.pem"], {}, "cannot sign"),
]


@NEEDED
@pytest.mark.parametrize("arguments, settings, message", [case[1:] for case in REFUSALS],
                         ids=[case[0] for case in REFUSALS])
def test_refuses_and_says_why(arguments, settings, message, keys, tmp_path):
    for path in (path for pair in keys.values() for path in pair):
        shutil.copyfile(path, tmp_path / path.name)
    (tmp_path / "text.efi").write_text("not a PE")
    (tmp_path / "out.efi").write_text("what was here before")
    ran = sign(*arguments, directory=tmp_path, **settings)
    assert ran.returncode == 1 and ran.stderr.startswith("image/sign: ") and message in ran.stderr, ran.stderr
    assert "Traceback" not in ran.stderr
    assert (tmp_path / "out.efi").read_text() == "what was here before"


def test_missing_tool_is_named(tmp_path):
    (tmp_path / "key.pem").write_text("a key")
    ran = sign(KERNEL, "out.efi", "--key", "key.pem", "--cert", "key.pem", directory=tmp_path, path="/nowhere")
    assert ran.returncode == 1 and "sbsign not found" in ran.stderr and "image/setup" in ran.stderr


def test_enforcing_firmware_from_the_environment(tmp_path):
    code, variables = str(tmp_path / "code.fd"), str(tmp_path / "vars.fd")
    Path(code).write_bytes(bytes(3653632))
    Path(variables).write_bytes(bytes(540672))
    found = firmware.find("ovmf-secure", {"OVMF_CODE": code, "OVMF_VARS": variables})
    assert found == ("ovmf-secure", code, variables)
    for half in ({"OVMF_CODE": code}, {"OVMF_VARS": variables}):
        with pytest.raises(firmware.FirmwareError, match="both"):
            firmware.find("ovmf-secure", half)


def test_without_enforcing_firmware_what_to_set_is_named(monkeypatch):
    monkeypatch.setattr(firmware, "SECURE_PAIRS", [])
    with pytest.raises(firmware.FirmwareError) as raised:
        firmware.find("ovmf-secure", {})
    assert all(name in str(raised.value) for name in ("OVMF_CODE", "OVMF_VARS", "KEEL_KEY", "KEEL_CERT"))


def test_machine_keeps_variables_in_smm(tmp_path, monkeypatch):
    """Without it the secure build halts, or, worse, its variables are everybody's to write."""
    for name, size_bytes in (("OVMF_CODE", 3653632), ("OVMF_VARS", 540672)):
        (tmp_path / name).write_bytes(bytes(size_bytes))
        monkeypatch.setenv(name, str(tmp_path / name))
    command = machine.Machine(firmware_name="ovmf-secure").command()
    assert "smm=on" in command and "driver=cfi.pflash01,property=secure,value=on" in command
    assert "smm=on" not in machine.Machine(firmware_name="ovmf").command()


SHELL_TOOLS = ("bash", "sh", "awk", "sed", "dirname", "uname", "id", "cat", "env")


@pytest.mark.parametrize("manager, packages", [
    ("apt-get", "sbsigntool openssl"),
    ("dnf", "sbsigntools openssl"),
    ("pacman", "sbsigntools openssl"),
    ("zypper", "sbsigntools openssl"),
    ("brew", "openssl"),
])
def test_setup_names_the_packages_for_signing(manager, packages, tmp_path):
    """On a system without them, as each package manager calls them; a faked one fails, so that the line is printed."""
    for name in SHELL_TOOLS:
        (tmp_path / name).symlink_to(shutil.which(name))
    (tmp_path / manager).write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / manager).chmod(0o755)
    script = tmp_path / "setup"  # alone in its folder: there is no firmware.py, so no firmware is found either
    text = (ROOT / "image" / "setup").read_text()
    script.write_text(text.replace("PATH=$PATH:/usr/lib/llvm/bin:/usr/sbin\n", ""))
    assert script.read_text() != text
    ran = subprocess.run(["bash", script, "secure"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                         env={"PATH": str(tmp_path)}, timeout=60)
    assert ran.returncode == 1
    assert packages in " ".join(ran.stdout.split()), ran.stdout + ran.stderr
