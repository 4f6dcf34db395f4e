"""An installation of one process: the pipeline and the learner inside the hook."""
