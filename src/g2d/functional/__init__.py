"""The losses, scores and coefficients of all methods as functions of tensors.

For a loop of your own that wants the mathematics and nothing around it: tensors in, tensors or
numbers out. The methods of `g2d` call these same functions.

k is the number of modalities. What there is one number of for each is a tensor `(k,)`; what there
is one tensor of for each is a list of k tensors, in one order throughout. Samples whose modality
is absent are marked by `present`, bool `(B,)`.

Example:
    >>> import torch
    >>> from g2d import Classification, functional as F
    >>> task, target = Classification(2), torch.tensor([0, 1])
    >>> sound, image = torch.tensor([[3.0, 0.0], [0.0, 3.0]]), torch.zeros(2, 2)
    >>> scores = torch.stack([F.confidence(task, logits, target) for logits in (sound, image)])
    >>> F.ogm_coefficients(scores, alpha=0.5)
    tensor([0.2591, 1.0000])
"""

from g2d.functional.agm import agm_coefficients, agm_lead, agm_scores
from g2d.functional.arl import arl_coefficients, arl_entropies
from g2d.functional.calibration import (
    fit_blend_weights,
    fit_ensemble_weights,
    fit_temperature,
)
from g2d.functional.dimensions import dimension_contrast, effective_dimensions, nearest_class
from g2d.functional.distillation import feature_distance, logit_distance, mbsd_distillation
from g2d.functional.gradients import (
    effective_update,
    mla_projector,
    mmpareto_gradient,
    mmpareto_products,
    mmpareto_stretch,
    mmpareto_weight,
)
from g2d.functional.inforeg import inforeg_gaps, inforeg_strength, inforeg_window
from g2d.functional.losses import (
    aug_objective,
    cml_rise,
    reconboost_objective,
    unimodal_loss,
)
from g2d.functional.masking import (
    amco_dependence,
    amco_mask_factors,
    amco_mask_rate,
    opm_drop_rates,
)
from g2d.functional.matching import dlmg_alpha, info_nce, matching_divergence
from g2d.functional.modulation import (
    cggm_balance,
    mlb_coefficients,
    mslr_ratio,
    ogm_coefficients,
    partial_suppression_factors,
    pdmp_factors,
)
from g2d.functional.overfitting import cluster_purity, gradient_blending_weights
from g2d.functional.predictions import (
    di_mml_weights,
    ensemble_logits,
    mean_ablation,
    mla_weights,
    mmcosine_logits,
)
from g2d.functional.prototypes import pmr_coefficients, pmr_log_probabilities
from g2d.functional.scores import confidence, learning_speed, rank
from g2d.functional.valuation import shapley_values, smv_modality_copies, smv_sample_copies

__all__ = [
    "agm_coefficients",
    "agm_lead",
    "agm_scores",
    "amco_dependence",
    "amco_mask_factors",
    "amco_mask_rate",
    "arl_coefficients",
    "arl_entropies",
    "aug_objective",
    "cggm_balance",
    "cluster_purity",
    "cml_rise",
    "confidence",
    "di_mml_weights",
    "dimension_contrast",
    "dlmg_alpha",
    "effective_dimensions",
    "effective_update",
    "ensemble_logits",
    "feature_distance",
    "fit_blend_weights",
    "fit_ensemble_weights",
    "fit_temperature",
    "gradient_blending_weights",
    "info_nce",
    "inforeg_gaps",
    "inforeg_strength",
    "inforeg_window",
    "learning_speed",
    "logit_distance",
    "matching_divergence",
    "mbsd_distillation",
    "mean_ablation",
    "mla_projector",
    "mla_weights",
    "mlb_coefficients",
    "mmcosine_logits",
    "mmpareto_gradient",
    "mmpareto_products",
    "mmpareto_stretch",
    "mmpareto_weight",
    "mslr_ratio",
    "nearest_class",
    "ogm_coefficients",
    "opm_drop_rates",
    "partial_suppression_factors",
    "pdmp_factors",
    "pmr_coefficients",
    "pmr_log_probabilities",
    "rank",
    "reconboost_objective",
    "shapley_values",
    "smv_modality_copies",
    "smv_sample_copies",
    "unimodal_loss",
]
