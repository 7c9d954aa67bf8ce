"""Runs a command on a terminal of its own, and answers its questions as a person would.

    terminal.py '[["question", "answer"], ...]' COMMAND...

Prints what the terminal showed, answers included, and ends as the command does; with 99 when a
question never came.
"""

import json
import os
import pty
import select
import signal
import sys
import time

# Far beyond what a slow machine takes: it is here so that a question that never comes fails.
SECONDS = 300


def main():
    answers = json.loads(sys.argv[1])
    child, terminal = pty.fork()
    if child == 0:
        os.execvp(sys.argv[2], sys.argv[2:])
    shown, read_to = b"", 0
    deadline = time.monotonic() + SECONDS
    while True:
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            os.kill(child, signal.SIGINT)
            break
        try:
            chunk = os.read(terminal, 65536)
        except OSError:
            # Linux says so when nobody has the terminal open any more.
            break
        if not chunk:
            break
        shown += chunk
        while answers:
            question, answer = answers[0]
            at = shown.find(question.encode(), read_to)
            if at < 0:
                break
            read_to = at + len(question.encode())
            os.write(terminal, answer.encode() + b"\n")
            del answers[0]
    sys.stdout.buffer.write(shown)
    _, status = os.waitpid(child, 0)
    if answers:
        print(f"\nnever asked: {answers}")
        sys.exit(99)
    sys.exit(os.waitstatus_to_exitcode(status))


main()
