"""Sources of projects whose tests no registry carries: the archive of a release, fetched from where the project lives.

One that lies in target/suites/archives is taken instead of fetching it: `archives/NAME.tar.gz`, or any other ending of tar.
"""
import glob
import os
import shutil
import tarfile
import urllib.request


def unpack(name, address, folder):
    """Unpacks the archive into `folder`, without the folder that an archive begins with."""
    folder = folder.rstrip(os.sep)
    store = os.path.join(os.path.dirname(folder), "..", "archives")
    found = glob.glob(os.path.join(store, f"{name}.tar*"))
    if not found:
        os.makedirs(store, exist_ok=True)
        found = [os.path.join(store, f"{name}.tar.gz")]
        urllib.request.urlretrieve(address, found[0] + ".part")
        os.rename(found[0] + ".part", found[0])
    whole = folder + ".whole"
    for old in (whole, folder):
        shutil.rmtree(old, ignore_errors=True)
    with tarfile.open(found[0]) as packed:
        packed.extractall(whole)
    os.rename(os.path.join(whole, *os.listdir(whole)), folder)
    shutil.rmtree(whole)
