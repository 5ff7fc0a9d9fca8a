"""Run a student's code apart from this machine.

    run(cells, limits, sandbox) -> Ran           all cells of one notebook; returns whatever the code does
    best_sandbox(unprotected=False) -> Sandbox   bubblewrap, else namespaces: which works is tried out

What is kept apart, by both sandboxes, as root and as an ordinary user. The code sees the interpreter, its standard
library, the machine's shared libraries and numpy, all read-only, and one folder in memory of `disk_mb`. It does not
see the project, other submissions, homes, other processes, the network, or any variable but a few. It has no rights
(capabilities), cannot get any, and cannot call what builds namespaces, looks into processes or keeps memory that no
limit counts. Time is bounded per cell and in all; so are memory per process and together, processes, files, their
size, output and results. When a run ends, all its processes end; if whoever grades is killed, they end too.

What comes back is the student's word. The code shares a process with the runner (`inside`) and can forge anything that
the runner says, but it can claim only values of its own answers, which are compared where no such code runs (`lines`
reads them as an enemy's). No expected value enters the sandbox.

What is not protected:
- A fault of the kernel can be used to get out: it is shared. Whoever must fear that grades in a virtual machine.
- Arguments of hidden cases are seen by the code that runs on them, and may come out in its output.
- Names of folders of this machine are seen (in /proc/self/mountinfo), and what kernel and processor it has.
- How long something takes can be watched from inside, and a run that uses its limits up slows its neighbours down.
- An answer may have been computed elsewhere, by somebody or something else, and typed in. No sandbox sees that.
- On processors other than x86-64, ARM, RISC-V and LoongArch (64 bits) there is no filter of system calls.
- Below Linux 5.14, an ordinary user's other processes count towards the limit of processes.
- Memory of all processes together is watched 20 times a second: for that long it can be more than the limit.

`Unprotected` sets limits and a scratch folder only: the code can read and change whatever its user can, use the
network, fill the disk, and leave processes behind that clear their environment.
"""

from workbook.grading.sandbox.choose import best_sandbox
from workbook.grading.sandbox.kinds import Bubblewrap, Namespaces, Sandbox, Unprotected
from workbook.grading.sandbox.running import run

__all__ = ["Bubblewrap", "Namespaces", "Sandbox", "Unprotected", "best_sandbox", "run"]
