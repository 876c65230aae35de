"""Samplers: the order of the training data, and the random numbers of every sample."""

from mmseg_aux_hrnet.engine.samplers.exact_sampler import ExactInfiniteSampler, ExactSampler

__all__ = ('ExactInfiniteSampler', 'ExactSampler')
