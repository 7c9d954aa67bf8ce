"""The AWS command line, loaded once: of its second, most goes into loading it. Each command runs in a
process of its own, with the arguments, the environment and the terminal of whoever typed it.

    aws.py SOCKET    answers at the socket, until it is ended
    aws.py SOCKET -- cloudformation …    has a command answered
"""

import array
import json
import os
import signal
import socket
import sys

DESCRIPTORS = array.array("i", [0, 1, 2])


def ask(address, arguments):
    with socket.socket(socket.AF_UNIX) as asked:
        asked.connect(address)
        told = json.dumps([arguments, dict(os.environ)]).encode() + b"\n"
        asked.sendmsg([told[:1]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, DESCRIPTORS)])
        asked.sendall(told[1:])
        return int(asked.makefile().read())


def answer(address):
    from awscli.clidriver import create_clidriver
    driver = create_clidriver()
    # What every command loads.
    driver.session.create_client("cloudformation", region_name="us-east-1")
    with socket.socket(socket.AF_UNIX) as listens:
        listens.bind(address)
        listens.listen()
        while True:
            asked, _ = listens.accept()
            if os.fork():
                asked.close()
                # Commands come one after the other: who asks waits for the end.
                continue
            carry_out(asked, driver)


def carry_out(asked, driver):
    first, ancillary, _, _ = asked.recvmsg(1, socket.CMSG_SPACE(DESCRIPTORS.itemsize * 3))
    for place, descriptor in enumerate(array.array("i", ancillary[0][2])):
        os.dup2(descriptor, place)
    arguments, environment = json.loads(first + asked.makefile("rb").readline())
    # Where the command line finds its own data it has set itself.
    environment["AWS_DATA_PATH"] = os.environ["AWS_DATA_PATH"]
    os.environ.clear()
    os.environ.update(environment)
    code = driver.main(arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    asked.sendall(str(code).encode())
    os._exit(0)


if __name__ == "__main__":
    if sys.argv[2:]:
        sys.exit(ask(sys.argv[1], sys.argv[3:]))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    answer(sys.argv[1])
