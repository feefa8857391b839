"""`thyme serve`: a model and its sandbox behind OpenAI's chat API. The loop is `infer.Thinker`, as everywhere."""
