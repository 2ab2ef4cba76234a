"""Run the stages of DVC pipelines on a Ray cluster, each as soon as those that it needs are done."""
