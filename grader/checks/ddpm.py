"""The closed-form checks of the DDPM track (homework part 5). Importing it registers them."""

from grader.checks.ddpm_functions import conditional_score, posterior, predict_x_0, q_sample, schedule
from grader.checks.ddpm_loss import loss
from grader.checks.ddpm_sample import sample
from grader.checks.ddpm_step import p_sample

__all__ = ["conditional_score", "loss", "p_sample", "posterior", "predict_x_0", "q_sample", "sample", "schedule"]
