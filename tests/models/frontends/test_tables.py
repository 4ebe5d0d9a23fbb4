import torch

from dfdetect.models.frontends.phase import PhaseOnly


def test_constants_follow_the_size_of_the_pictures_and_no_checkpoint_keeps_them():
    frontend = PhaseOnly()
    for side in (16, 24, 16):
        pixels = torch.rand(1, 3, side, side) * 255
        torch.testing.assert_close(frontend(pixels), PhaseOnly()(pixels))
        assert frontend.constants(pixels)["cosine"].shape == (side, side)
    assert not frontend.state_dict()
    assert not [*frontend.buffers()]  # or an average of networks would pair those of different sizes


def test_a_training_may_follow_a_validation():
    frontend = PhaseOnly()
    pixels = torch.rand(1, 3, 16, 16) * 255
    with torch.inference_mode():
        frontend(pixels)
    learning = pixels.requires_grad_()
    frontend(learning).square().sum().backward()
    assert learning.grad is not None
