"""What each metric is called and means, for pages, in the order in which they are shown."""

RANKING = {
    "auroc": ("AUROC", "share of pairs in which the fake ranks above the real photo; 0.5 is guessing"),
    "average_precision": ("average precision", "mean precision over all thresholds; the share of fakes is guessing"),
    "eer": ("equal error rate", "both error rates where they are equal; lower is better"),
    "tpr_at_fpr_1": ("TPR at 1% FPR", "fakes caught where 1% of the real photos are called fake"),
    "tpr_at_fpr_5": ("TPR at 5% FPR", "fakes caught where 5% of the real photos are called fake"),
    "aurc": ("AURC", "error rate among the surest, over all shares answered; lower is better"),
}
VERDICTS = {
    "accuracy": ("accuracy", "share of right verdicts"),
    "precision": ("precision", "of those called fake, the share that is; it depends on how many fakes there are"),
    "recall": ("recall", "of the fakes, the share caught"),
    "specificity": ("specificity", "of the real photos, the share called real"),
    "f1": ("F1", "harmonic mean of precision and recall"),
}
PROBABILITIES = {
    "ece": ("ECE", "how far p_fake is from the share of fakes, on average, chance included; lower is better"),
    "brier": ("Brier score", "mean squared error of p_fake; 0.25 is always saying 0.5"),
    "log_loss": ("log loss", "punishes being sure and wrong; 0.693 is always saying 0.5"),
}
LOWER_IS_BETTER = frozenset({"eer", "aurc", *PROBABILITIES})
