import errno
import signal
import subprocess
import sys
from pathlib import Path
from unittest import mock

import numpy as np
import torch

from train import checkpoint, export, fit, rows
from train.networks import Initialiser, Score

from .case import Case, anatomy

ROOT = Path(__file__).parents[2]


class Fit(Case):
    def setUp(self):
        super().setUp()
        self.npz("train.npz")
        self.npz("val.npz", site=(170 * anatomy(2, 41, 45)).astype(np.uint8))  # sides that the network has to fill up
        self.out, self.last = self.folder / "out", self.folder / "out/last.pt"
        for number in (signal.SIGTERM, signal.SIGINT):
            self.addCleanup(signal.signal, number, signal.getsignal(number))

    def options(self, network="unet", *more, minutes=0.01):
        return [network, "--data", self.folder, "--out", self.out, "--minutes", minutes, "--batch", 1, "--rows", 32, "--sides", 32, "--threads", 1, "--device", "cpu",
                "--validate-on", *more]

    def fit(self, *options, **named) -> str:
        return self.call(fit.main, *self.options(*options, **named))

    def initial(self) -> Path:
        path = self.folder / "unet.onnx"
        path.write_bytes(export.to_onnx(Initialiser(), "unet"))
        return path

    def test_trains_exports_and_says_of_what(self):
        said = self.fit("unet", "site")
        self.assertIn("train: 4 slices; patients that the files name: none", said)
        self.assertIn("whether train and val have a patient in common is not known", said)
        line = rows.read(self.out / "log.csv")[-1]
        self.assertTrue(all(np.isfinite(v) for v in line.values()), line)
        before = self.last.read_bytes()
        self.assertIn("nothing is left of 0.01 minutes", self.fit("unet", "site"))
        self.assertEqual(self.last.read_bytes(), before)
        said = self.fit("unet", "site", "--lr", 1e-3, minutes=line["minutes"] + 0.02)
        self.assertIn("minutes was 0.01, is 0", said)
        self.assertIn("lr was 0.0006, is 0.001", said)
        file = self.folder / "new/unet/unet.onnx"
        self.call(export.main, "unet", "--checkpoint", self.last, "--out", file)
        card, state = (file.parent / "CARD.md").read_text(), checkpoint.read(self.last, "unet")
        for of in (checkpoint.sha256(file.read_bytes()), "from random weights, steps 0 to", f"to {state['step']}, ", "--lr 0.001", "4 slices (patients that the files name: none)",
                   "agrees with PyTorch" if export.check(Initialiser().eval(), export.to_onnx(Initialiser().eval(), "unet")) else "not compared with PyTorch"):
            self.assertIn(of, card)
        for name in ("site", str(self.folder)):
            self.assertNotIn(name, card)
            self.assertNotIn(name.encode(), self.last.read_bytes() + (self.out / "log.csv").read_bytes())

    def test_the_score_network_outlives_the_file_of_its_unet(self):
        initial = self.initial()
        validated = fit.validation

        def validation(*arguments):
            initial.unlink()
            return validated(*arguments)

        with mock.patch.object(fit, "validation", validation):
            self.fit("score", "--initial", initial)
        self.assertIsNone(self.ended)
        self.assertTrue(all(np.isfinite(v) for v in rows.read(self.out / "log.csv")[-1].values()))

    def test_what_cannot_be_meant_is_said_before_anything_is_read(self):
        for options in (["--minutes", 0], ["--batch", 0], ["--few", 0], ["--rows", 24], ["--sides", 64, 100], ["--denoise", 2], ["--whole", -1]):
            self.fit("unet", *options)
            self.assertEqual(self.ended, 2, options)
        (self.folder / "file").write_text("")
        for options, reason in ((["--out", self.folder / "file"], "is no folder to write to"), (["--start", self.folder / "none.onnx"], "none.onnx cannot be read"),
                                (["--start", self.folder / "train.npz"], "train.npz"), (["--train-on", "brain"], "none of brain")):
            self.fit("unet", *options)
            self.assertIn(reason, str(self.ended))
        self.fit("score", "--initial", self.folder / "none.onnx")
        self.assertIn("none.onnx cannot be read", str(self.ended))
        self.fit("score", "--initial", self.initial(), "--start", self.folder / "unet.onnx")
        self.assertIn("another network than Score", str(self.ended))
        self.assertFalse(self.last.exists())

    def test_checkpoints_of_another_network_and_damaged_ones(self):
        self.out.mkdir()
        checkpoint.save(self.last, {"average": Score().state_dict()})
        self.fit()
        self.assertIn("is of the score network: unet needs another folder", str(self.ended))
        self.last.write_bytes(self.last.read_bytes()[:1000])
        self.refused("last.pt cannot be read as a checkpoint")

    def refused(self, reason: str, **named):
        """Neither training goes on from the checkpoint, nor is it exported."""
        self.fit(**named)
        self.assertIn(reason, str(self.ended))
        self.call(export.main, "unet", "--checkpoint", self.last, "--out", self.folder / "unet.onnx")
        self.assertIn(reason, str(self.ended))

    def test_a_checkpoint_of_other_layers_is_refused(self):
        self.fit()
        state = checkpoint.read(self.last, "unet")
        weights = Initialiser(blocks=1).state_dict()
        checkpoint.save(self.last, {**state, "model": weights, "average": weights})
        self.refused("last.pt is of a network of another shape", minutes=1)

    def test_checkpoints_of_older_programs_go_on(self):
        self.fit()
        state = checkpoint.read(self.last, "unet")
        del state["history"]
        checkpoint.save(self.last, state)
        self.fit(minutes=state["spent"] + 0.01)
        self.assertGreater(checkpoint.read(self.last, "unet")["step"], state["step"])
        self.call(export.main, "unet", "--checkpoint", self.last, "--out", self.folder / "unet.onnx")
        self.assertIn("of a program that did not note on what", (self.folder / "CARD.md").read_text())

    def test_a_gradient_that_is_not_finite_stays_out_of_the_weights(self):
        with mock.patch.object(fit.torch.nn.utils, "clip_grad_norm_", lambda *_: torch.tensor(float("nan"))):
            self.fit()
        self.assertIn("its gradient nan", str(self.ended))
        self.assertFalse(self.last.exists())

    def test_a_stop_leaves_a_checkpoint(self):
        command = [sys.executable, "-m", "train.fit", *map(str, self.options(minutes=1)), "--validate-every", "30"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as training:
            self.assertIn("train: 4 slices", training.stdout.readline())
            training.terminate()
            self.assertIn("of 1 minutes: the same command goes on", training.communicate()[1])
        self.assertGreater(checkpoint.read(self.last, "unet")["step"], 0)
        self.assertFalse((self.out / "log.csv").exists())
        self.assertIn("goes on at step", self.fit())

    def test_a_validation_that_fails_costs_nothing(self):
        with mock.patch.object(fit, "validate_unet", side_effect=MemoryError), self.assertRaises(MemoryError):
            self.fit()
        self.assertGreater(checkpoint.read(self.last, "unet")["step"], 0)

    def test_a_full_disk_does_not_end_training(self):
        full = OSError(errno.ENOSPC, "No space left on device")
        replace, tries = checkpoint.replace, []

        def crowded(*arguments):
            tries.append(True)
            if len(tries) < 3:
                raise full
            replace(*arguments)

        with mock.patch.object(checkpoint, "replace", crowded), mock.patch.object(checkpoint.time, "sleep"):
            said = self.fit()
        self.assertIsNone(self.ended)
        self.assertIn("No space left on device", said)
        self.assertGreater(checkpoint.read(self.last, "unet")["step"], 0)

    def test_validation_leaves_the_draws_of_training_alone(self):
        args = mock.Mock(network="unet", device="cpu", batch=1, rows=16)
        torch.manual_seed(7)
        before = torch.get_rng_state()
        with mock.patch.object(fit, "unet_loss", lambda *_: lambda model: torch.rand(1)), mock.patch.object(fit, "validate_unet", lambda *_: {"x": torch.rand(1)}):
            first, second = (fit.validation(None, None, args, None) for _ in range(2))
        self.assertEqual(first, second)
        self.assertTrue(torch.equal(before, torch.get_rng_state()))


class Export(Case):
    def test_weights_that_are_not_finite_are_refused(self):
        model = Initialiser()
        with torch.no_grad():
            model.net.head.bias[0] = 1e6  # beyond half precision
        checkpoint.save(self.folder / "last.pt", {"average": model.state_dict(), "step": 1, "spent": 1.0})
        self.call(export.main, "unet", "--checkpoint", self.folder / "last.pt", "--out", self.folder / "unet.onnx")
        self.assertIn("not finite", str(self.ended))
        self.assertFalse((self.folder / "unet.onnx").exists())

    def test_a_machine_without_onnx_runtime_exports(self):
        checkpoint.save(self.folder / "last.pt", {"average": Initialiser().state_dict(), "step": 1, "spent": 1.0})
        with mock.patch.dict(sys.modules, onnxruntime=None):
            said = self.call(export.main, "unet", "--checkpoint", self.folder / "last.pt", "--out", self.folder / "unet.onnx")
        self.assertIn("not compared with PyTorch", said)
        self.assertIn("not compared with PyTorch", (self.folder / "CARD.md").read_text())
        export.load(Initialiser(), self.folder / "unet.onnx")


class Rows(Case):
    def test_half_a_line_is_written_again(self):
        path = self.folder / "log.csv"
        rows.append(path, {"step": 1, "loss": 0.5})
        with open(path, "a") as f:
            f.write("2,0.2")  # of 0.25
        self.assertEqual(rows.read(path), [{"step": 1, "loss": 0.5}])
        rows.append(path, {"step": 2, "loss": 0.25})
        self.assertEqual(rows.read(path), [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.25}])
