"""Who runs the tests that are written in Python: an ordinary user, with the coracle that was built; and the removal of what they leave.

Root hands over to the user that tests/system/setup made ($CORACLE_TEST_USER, else "coracle-test").
"""

import os
import pwd
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PASSED_ON = ("CORACLE", "CI", "LANG", "TMPDIR", "COLUMNS")  # what a change of user keeps of the environment


def become_ordinary():
    """Replace this process by the same command as the test user, when we are root."""
    if os.getuid() != 0:
        os.environ["PATH"] = PATH
        return
    name = os.environ.get("CORACLE_TEST_USER", "coracle-test")
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        sys.exit(f"there is no user {name} to run this as: tests/system/setup makes it")
    script = os.path.abspath(sys.argv[0])
    env = {k: os.environ[k] for k in PASSED_ON if k in os.environ}
    env.update(PATH=PATH, HOME=user.pw_dir, USER=name, LOGNAME=name, SHELL="/bin/sh")
    os.initgroups(name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.chdir(user.pw_dir if os.path.isdir(user.pw_dir) else "/")
    os.execve("/usr/bin/python3", ["python3", script] + sys.argv[1:], env)


def find_coracle():
    """Absolute path of the program to test: $CORACLE, else build/coracle, else the installed one."""
    named = os.environ.get("CORACLE")
    for path in [named] if named else [os.path.join(TOP, "build/coracle"), shutil.which("coracle")]:
        if path and os.access(path, os.X_OK):
            return os.path.abspath(path)
    sys.exit("no coracle to test: build it (./quickstart), or say where it is with CORACLE=PATH")


def remove(directory):
    """With all that is in it: layers have files of subordinate ids. Where the user has none, its own id must do."""
    for maps in (["--map-root-user", "--map-auto"], ["--map-root-user"]):
        subprocess.run(["unshare", "--user", *maps, "rm", "-rf", directory], check=False, stderr=subprocess.DEVNULL)
    shutil.rmtree(directory, ignore_errors=True)
