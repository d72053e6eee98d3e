"""What a backup remembers of a broker: after a restore messages that it holds are not stored again when
they are sent again, and those that came after it are. The broker is real."""
import subprocess
import threading

from alco import PROGRAM, Alco, wait_until
from amqp_place import alco, expect_each_once, place, server  # noqa: F401

MESSAGES = 4000


def send(sender, first, last):
    for n in range(first, last):
        sender.send_raw("logstash.app", sender.body("app", {"message": "message %d" % n}), message_id="id-%d" % n)


def test_messages_of_a_restored_directory_are_stored_once(place, alco, tmp_path):
    sending = threading.Thread(target=lambda: send(place.sender(), 0, MESSAGES))
    sending.start()
    wait_until("a part of them", lambda: alco.count() > MESSAGES // 10)
    known = alco.count()
    done = subprocess.run([PROGRAM, "backup", str(alco.data), str(tmp_path / "backup")], capture_output=True)
    assert done.returncode == 0, done.stderr
    sending.join()
    alco.wait_for_count(MESSAGES)
    alco.kill()
    done = subprocess.run([PROGRAM, "restore", str(tmp_path / "backup"), str(tmp_path / "back")], capture_output=True)
    assert done.returncode == 0, (done.stdout, done.stderr)
    with Alco(tmp_path / "back", "--amqp", place.url) as back:
        place.wait_for_consumers(1)
        there = back.count()
        assert known <= there <= MESSAGES
        send(place.sender(), 0, MESSAGES)  # a sender that repeats all it has
        wait_until("the last of them", lambda: back.count() >= MESSAGES)
        place.wait_until_empty()
        expect_each_once(back, MESSAGES)
        assert back.metric("alco_amqp_deliveries_total", index="logs") == MESSAGES
