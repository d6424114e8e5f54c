"""Operations on pods: of two containers and a published port, so that there are monitors and network processes to kill."""

from operations import Operation
from scene import IMAGE, Broken

PORT = "127.0.0.1::80"  # any of the host's
SLEEP = ["sleep", "1000"]


class PodOperation(Operation):
    victims = {"coracle-slirp": 3, "coracle-pause": 3}

    def exists(self):
        code = self.scene.call("pod", "exists", self.name)
        if code not in (0, 1):
            raise Broken(f"pod exists {self.name}: exit code {code}: {self.scene.said()[1].strip()}")
        return code == 0

    def make(self):
        self.scene.run("pod", "create", "--name", self.name, "-p", PORT)
        for number in (1, 2):
            self.scene.run("create", "--stop-signal", "KILL", "--pod", self.name, "--name", f"{self.name}-{number}", IMAGE, *SLEEP)

    def settle(self, code):
        """Whatever state it is in: it can be looked at, and goes."""
        if not self.exists():
            return
        self.scene.run("pod", "inspect", self.name)
        self.scene.run("pod", "rm", "-f", "-t", "0", self.name)
        if self.exists():
            raise Broken(f"{self.name} still exists after pod rm -f")


class PodCreate(PodOperation):
    def argv(self):
        return ["pod", "create", "--name", self.name, "-p", PORT]

    def settle(self, code):
        if code == 0 and not self.exists():
            raise Broken("pod create said that it worked, and the pod does not exist")
        super().settle(code)


class PodStart(PodOperation):
    def prepare(self):
        self.make()

    def argv(self):
        return ["pod", "start", self.name]

    def settle(self, code):
        if not self.exists():
            raise Broken("the pod is gone after pod start")
        super().settle(code)


class PodRestart(PodStart):
    def prepare(self):
        self.make()
        self.scene.run("pod", "start", self.name)

    def argv(self):
        return ["pod", "restart", self.name]


class PodStop(PodRestart):
    def argv(self):
        return ["pod", "stop", "-t", "0", self.name]

    def settle(self, code):
        state = self.scene.run("pod", "inspect", "-f", "{{.State}}", self.name).strip()
        if code == 0 and state != "Exited":
            raise Broken(f"pod stop said that it worked, and the pod is {state}")
        super().settle(code)


class PodRemove(PodOperation):
    def prepare(self):
        self.make()
        self.scene.run("pod", "start", self.name)

    def argv(self):
        return ["pod", "rm", "-f", "-t", "0", self.name]

    def settle(self, code):
        if code == 0 and self.exists():
            raise Broken("pod rm -f said that it worked, and the pod exists")
        super().settle(code)


class RunInPod(PodOperation):
    """--rm is honoured there, too; the pod stays."""

    def prepare(self):
        self.scene.run("pod", "create", "--name", self.name)

    def argv(self):
        return ["run", "--rm", "--pod", self.name, "--name", f"{self.name}-1", IMAGE, "sh", "-c", "echo here; sleep 0.01"]

    def settle(self, code):
        self.scene.wait_gone(f"{self.name}-1")
        super().settle(code)


# How often each is drawn.
PODS = {PodCreate: 1, PodStart: 2, PodRestart: 1, PodStop: 1, PodRemove: 2, RunInPod: 2}
