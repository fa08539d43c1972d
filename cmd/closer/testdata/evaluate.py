"""Volume metrics of fastMRI's evaluate.py (facebookresearch/fastMRI 91f2df4):  evaluate.py TARGET.h5 DATASET PREDICTION.h5

Prints NMSE, PSNR and SSIM as JSON.
"""
import json
import sys

import h5py
import numpy as np
from skimage.metrics import peak_signal_noise_ratio, structural_similarity


def center_crop(data, shape):
    w, h = (data.shape[-2] - shape[0]) // 2, (data.shape[-1] - shape[1]) // 2
    return data[..., w:w + shape[0], h:h + shape[1]]


def main():
    target_file, dataset, prediction_file = sys.argv[1:]
    with h5py.File(target_file) as target, h5py.File(prediction_file) as recons:
        gt = center_crop(target[dataset][()], (target[dataset].shape[-1], target[dataset].shape[-1]))
        pred = center_crop(recons["reconstruction"][()], (target[dataset].shape[-1], target[dataset].shape[-1]))
    json.dump({
        "nmse": float(np.linalg.norm(gt - pred) ** 2 / np.linalg.norm(gt) ** 2),
        "psnr": float(peak_signal_noise_ratio(gt, pred, data_range=gt.max())),
        "ssim": float(np.mean([structural_similarity(g, p, data_range=gt.max()) for g, p in zip(gt, pred)])),
    }, sys.stdout)


main()
