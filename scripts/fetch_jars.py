"""Fetch the Spark jars of requirements/jars.txt into a folder, through Spark's own Maven client, and check each hash.

    python -m scripts.fetch_jars FOLDER

Does nothing when all jars are there already. LAKE_IVY_SETTINGS, the path of an Ivy settings file (as in Spark's
`spark.jars.ivySettings`), names a mirror of Maven Central. A private certificate authority in SSL_CERT_FILE is handed
to Java.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from dataclasses import dataclass
from pathlib import Path

import pyspark
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12Certificate, serialize_java_truststore
from cryptography.utils import CryptographyDeprecationWarning

from localaws.java import find_java

ROOT = Path(__file__).resolve().parent.parent
TRUSTSTORE_PASSWORD = "lakegate"  # noqa: S105  (it protects public certificates in a temporary folder)
UNUSED = (
    "com.amazonaws:aws-java-sdk-bundle",
    "com.google.cloud.bigdataoss:*",
    "com.fasterxml.jackson.core:*",
    "org.apache.hadoop:hadoop-azure",
    "org.apache.hadoop:hadoop-client-api",
    "org.apache.hadoop:hadoop-client-runtime",
    "org.apache.hadoop:hadoop-cloud-storage",
    "org.apache.hadoop:hadoop-openstack",
    "org.eclipse.jetty:*",
)
"""What the jars name as dependencies and we leave out: Spark has it already, or it is for other clouds, or (the
bundle, 281 MB) the single modules in jars.txt do the same work."""


@dataclass(frozen=True)
class Jar:
    """One line of jars.txt."""

    coordinate: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Name that Ivy gives the jar: `<group>_<artifact>-<version>.jar`."""
        group, artifact, version = self.coordinate.split(":")
        return f"{group}_{artifact}-{version}.jar"

    def is_in(self, folder: Path) -> bool:
        """Whether the folder holds this very jar."""
        path = folder / self.file_name
        return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == self.sha256


def listed(lock: Path) -> list[Jar]:
    """The jars that a lock file names."""
    lines = [line.split() for line in lock.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return [Jar(coordinate, sha256) for coordinate, sha256 in lines]


def truststore(folder: Path) -> list[str]:
    """Java options that trust the certificates of SSL_CERT_FILE, or none where it is not set."""
    bundle = os.environ.get("SSL_CERT_FILE")
    if not bundle:
        return []
    with warnings.catch_warnings():
        # Public bundles hold old roots whose serial number breaks RFC 5280. They are handed on, not judged.
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        certificates = x509.load_pem_x509_certificates(Path(bundle).read_bytes())
    store = folder / "truststore.p12"
    store.write_bytes(
        serialize_java_truststore(
            [PKCS12Certificate(certificate, str(number).encode()) for number, certificate in enumerate(certificates)],
            BestAvailableEncryption(TRUSTSTORE_PASSWORD.encode()),
        )
    )
    return [f"-Djavax.net.ssl.trustStore={store}", f"-Djavax.net.ssl.trustStorePassword={TRUSTSTORE_PASSWORD}"]


def resolve(jars: list[Jar], work: Path) -> subprocess.CompletedProcess[str]:
    """Let spark-submit resolve the coordinates into `work/ivy/jars`. The submitted program is empty."""
    program = work / "nothing.py"
    program.touch()
    home = Path(pyspark.__file__).parent
    command = [str(home / "bin" / "spark-submit"), "--packages", ",".join(jar.coordinate for jar in jars)]
    command += ["--exclude-packages", ",".join(UNUSED), "--conf", f"spark.jars.ivy={work / 'ivy'}"]
    if settings := os.environ.get("LAKE_IVY_SETTINGS"):
        command += ["--conf", f"spark.jars.ivySettings={settings}"]
    environment = {
        **os.environ,
        "SPARK_HOME": str(home),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "JAVA_HOME": str(find_java()),
        "SPARK_SUBMIT_OPTS": " ".join(truststore(work)),
    }
    return subprocess.run([*command, str(program)], env=environment, capture_output=True, text=True, check=False)


def main(folder: Path) -> int:
    """Put every listed jar into `folder`. Returns the exit code."""
    jars = listed(ROOT / "requirements" / "jars.txt")
    if all(jar.is_in(folder) for jar in jars):
        return 0
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        answer = resolve(jars, work)
        fetched = work / "ivy" / "jars"
        wrong = [jar for jar in jars if not jar.is_in(fetched)]
        if wrong:
            print(answer.stderr[-3000:], file=sys.stderr)
            names = ", ".join(jar.coordinate for jar in wrong)
            print(
                f"The Spark jars {names} could not be fetched, or their hash differs from requirements/jars.txt. "
                "Check that Maven Central, or the mirror of LAKE_IVY_SETTINGS, can be reached, then repeat.",
                file=sys.stderr,
            )
            return 1
        folder.mkdir(parents=True, exist_ok=True)
        for jar in jars:
            shutil.copyfile(fetched / jar.file_name, folder / jar.file_name)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m scripts.fetch_jars FOLDER")
    sys.exit(main(Path(sys.argv[1])))
