"""What the rounds do: one operation is started and something is killed meanwhile; then its promise is checked.

Each operation is a class: `prepare` (undisturbed), `argv` (disturbed), `settle` (undisturbed: check the promise, clear up).
"""

from scene import IMAGE, LOADED, LONG, Broken


class Operation:
    stdin = None  # a file
    victims = {}  # besides the usual ones

    def __init__(self, scene, number):
        self.scene = scene
        self.name = f"kill-{number}"

    def prepare(self):
        pass

    def settle(self, code):
        """`code`: how the disturbed command ended, negative for a signal."""
        self.scene.remove(self.name)


class Create(Operation):
    def argv(self):
        return ["create", "--name", self.name, "--network", "none", IMAGE, "true"]

    def settle(self, code):
        if code == 0 and not self.scene.exists(self.name):
            raise Broken("create said that it worked, and the container does not exist")
        self.scene.remove(self.name)


class Run(Operation):
    """A container that is kept."""

    def argv(self):
        return ["run", "--name", self.name, "--network", "none", IMAGE, "sh", "-c", "echo here; sleep 0.01"]


class RunRemove(Operation):
    """--rm is honoured whoever dies; so are the anonymous volumes."""
    options = []
    command = ["sh", "-c", "echo here; sleep 0.01"]

    def argv(self):
        return ["run", "--rm", "--name", self.name, "--network", "none", "-v", "/data", *self.options, IMAGE, *self.command]

    def settle(self, code):
        self.scene.wait_gone(self.name)


class RunDetachedRemove(RunRemove):
    options = ["-d"]
    command = ["sleep", "0.1"]


class RunDetached(Operation):
    def argv(self):
        return ["run", "-d", "--name", self.name, "--network", "none", IMAGE, "sleep", "1000"]

    def settle(self, code):
        if code == 0 and not self.scene.exists(self.name):
            raise Broken("run -d said that it worked, and the container does not exist")
        self.scene.remove(self.name)


class Exec(Operation):
    def prepare(self):
        self.scene.need_long()

    def argv(self):
        return ["exec", LONG, "sh", "-c", "echo here; sleep 0.01"]

    def settle(self, code):
        pass


class ExecInput(Exec):
    stdin = "/etc/services"

    def argv(self):
        return ["exec", "-i", LONG, "cat"]


class Restart(Exec):
    def argv(self):
        return ["restart", "-t", "0", LONG]


class Stop(Exec):
    def argv(self):
        return ["stop", "-t", "0", LONG]

    def settle(self, code):
        if code == 0 and self.scene.running(LONG):
            raise Broken("stop said that it worked, and the container runs")


class Start(Operation):
    def prepare(self):
        self.scene.run("create", "--name", self.name, "--network", "none", IMAGE, "sleep", "1000")

    def argv(self):
        return ["start", self.name]


class Remove(RunDetached):
    def prepare(self):
        self.scene.run(*super().argv())

    def argv(self):
        return ["rm", "-f", "-t", "0", self.name]

    def settle(self, code):
        if code == 0 and self.scene.exists(self.name):
            raise Broken("rm -f said that it worked, and the container exists")
        self.scene.remove(self.name)


class Load(Operation):
    """All of the image or nothing."""

    def argv(self):
        return ["load", "-i", self.scene.archive]

    there_afterwards = True

    def settle(self, code):
        there = self.scene.call("image", "exists", LOADED) == 0
        if code == 0 and there != self.there_afterwards:
            raise Broken(f"{self.argv()[0]} said that it worked, and the image is {'' if there else 'not '}there")
        if there:
            said = self.scene.run("run", "--rm", "--network", "none", LOADED, "sh", "-c", "cat /files/* | wc -c")
            if said.strip() != str(self.scene.archive_bytes):
                raise Broken(f"the loaded image is incomplete: {said.strip()} of {self.scene.archive_bytes} bytes")
            self.scene.run("rmi", "-f", LOADED)


class RemoveImage(Load):
    there_afterwards = False

    def prepare(self):
        self.scene.run("load", "-i", self.scene.archive)

    def argv(self):
        return ["rmi", LOADED]


class List(Exec):
    def argv(self):
        return ["ps", "-a"]


# How often each is drawn.
OPERATIONS = {Create: 3, Run: 3, RunRemove: 5, RunDetached: 4, RunDetachedRemove: 3, Exec: 4, ExecInput: 2, Restart: 2, Stop: 2,
              Start: 3, Remove: 4, Load: 3, RemoveImage: 2, List: 1}
