#!/usr/bin/env python3
"""PyTorch on a CUDA card, on the cases and in the columns of 'NeuralPlugin.Benchmarks steps --large'.

    peer_torch_cuda.py [SECONDS A CASE]     a line a case: eager, and each step replayed as one CUDA graph
    peer_torch_cuda.py --check              only says what is here

Single precision without TF32. Train is the whole step (SGD 0.1) on resident data, with the card finished inside the timed
block; predict has its upload and readback; the population is one batched matrix product a layer over all networks; the
product is cuBLAS. Medians over blocks of 50 ms. Without torch or a card it says so and ends with exit code 3.
"""
import statistics
import sys
import time

MISSING = 3
CLASSIFIERS = [(32, 16, 32, 4), (32, 64, 32, 10), (64, 784, 128, 10), (128, 784, 256, 10), (256, 784, 1024, 10)]
POPULATIONS = [(100, 8, 16, 32, 4), (1000, 8, 16, 32, 4), (10000, 8, 16, 32, 4)]
PRODUCT = 2048
LEARNING_RATE = 0.1
TINY_OPERATIONS = 1e6  # of the cases that ours also trains in a set on the device, many steps a dispatch; a graph has one step, on resident data either way
BLOCK_SECONDS = 0.05
WARM_UP_STEPS = 20


def import_torch():
    try:
        import torch
    except ImportError as error:
        print(f"The peer needs PyTorch with CUDA, and this Python has none ({error}).", file=sys.stderr)
        sys.exit(MISSING)
    if not torch.cuda.is_available():
        print(f"The peer needs a CUDA card, and PyTorch {torch.__version__} finds none.", file=sys.stderr)
        sys.exit(MISSING)
    return torch


def report(torch, seconds, name, what, shape, operations, step):
    """Times a step as our BlockTimer does and prints its line."""
    for _ in range(WARM_UP_STEPS):
        step()
    torch.cuda.synchronize()
    blocks = []
    begin = time.perf_counter()
    while not blocks or time.perf_counter() - begin < seconds:
        steps = 0
        block = time.perf_counter()
        while steps < 2 or time.perf_counter() - block < BLOCK_SECONDS:
            step()
            steps += 1
        torch.cuda.synchronize()
        blocks.append((time.perf_counter() - block) / steps)
    median = statistics.median(blocks)
    print(f"{name} {what:<10} {shape:<20} {median * 1e6:10.1f} us {operations / median / 1e9:8.2f} GFLOP/s", flush=True)


def graph_of(torch, step):
    """The step captured as one CUDA graph, after a few eager ones on a stream of their own, as PyTorch asks for."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def classifier(torch, seconds, batch, inputs, hidden, classes):
    shape = f"B{batch} {inputs}-{hidden}-{classes}"
    train_operations = 2.0 * batch * (inputs * hidden * 2 + hidden * classes * 3)
    predict_operations = 2.0 * batch * (inputs * hidden + hidden * classes)
    x = torch.rand(batch, inputs, device="cuda") * 2 - 1
    y = torch.randint(0, classes, (batch,), device="cuda")

    def trainer():
        model = torch.nn.Sequential(torch.nn.Linear(inputs, hidden), torch.nn.ReLU(), torch.nn.Linear(hidden, classes)).cuda()
        sgd = torch.optim.SGD(model.parameters(), LEARNING_RATE)

        def step():
            sgd.zero_grad(set_to_none=True)
            torch.nn.functional.cross_entropy(model(x), y).backward()
            sgd.step()

        return model, step

    model, step = trainer()
    report(torch, seconds, "torch-eager", "train", shape, train_operations, step)
    graph_model, graph_step = trainer()
    replay_step = graph_of(torch, graph_step)
    report(torch, seconds, "torch-graph", "train", shape, train_operations, replay_step)
    if train_operations <= TINY_OPERATIONS:
        report(torch, seconds, "torch-graph", "train-set", shape, train_operations, replay_step)

    host = x.cpu()

    def predict():
        with torch.no_grad():
            torch.softmax(model(host.cuda()), 1).cpu()

    report(torch, seconds, "torch-eager", "predict", shape, predict_operations, predict)
    resident, probabilities = torch.empty_like(x), torch.empty(batch, classes, device="cuda")

    def forward():
        with torch.no_grad():
            probabilities.copy_(torch.softmax(graph_model(resident), 1))

    replay = graph_of(torch, forward)

    def predict_by_graph():
        resident.copy_(host)
        replay()
        probabilities.cpu()

    report(torch, seconds, "torch-graph", "predict", shape, predict_operations, predict_by_graph)


def population(torch, seconds, members, batch, inputs, hidden, classes):
    shape = f"{members}x B{batch} {inputs}-{hidden}-{classes}"
    operations = 2.0 * members * batch * (inputs * hidden * 2 + hidden * classes * 3)
    x = torch.rand(members, batch, inputs, device="cuda") * 2 - 1
    y = torch.randint(0, classes, (members * batch,), device="cuda")

    def trainer():
        weights = [
            (torch.randn(members, inputs, hidden, device="cuda") * 0.1).requires_grad_(),
            torch.zeros(members, 1, hidden, device="cuda", requires_grad=True),
            (torch.randn(members, hidden, classes, device="cuda") * 0.1).requires_grad_(),
            torch.zeros(members, 1, classes, device="cuda", requires_grad=True),
        ]
        sgd = torch.optim.SGD(weights, LEARNING_RATE)

        def step():
            sgd.zero_grad(set_to_none=True)
            hidden_units = torch.relu(torch.baddbmm(weights[1], x, weights[0]))
            logits = torch.baddbmm(weights[3], hidden_units, weights[2])
            loss = torch.nn.functional.cross_entropy(logits.reshape(members * batch, classes), y, reduction="sum") / batch
            loss.backward()
            sgd.step()

        return step

    report(torch, seconds, "torch-eager", "population", shape, operations, trainer())
    report(torch, seconds, "torch-graph", "population", shape, operations, graph_of(torch, trainer()))


def product(torch, seconds, size):
    a, b = torch.rand(size, size, device="cuda") - 0.5, torch.rand(size, size, device="cuda") - 0.5
    c = torch.empty(size, size, device="cuda")
    report(torch, seconds, "cublas", "product", f"{size}x{size}x{size}", 2.0 * size**3, lambda: torch.mm(a, b, out=c))


def main(arguments):
    torch = import_torch()
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.manual_seed(1)
    print(f"# {torch.cuda.get_device_name()}, PyTorch {torch.__version__}, CUDA {torch.version.cuda}, fp32 without TF32", flush=True)
    if arguments == ["--check"]:
        return
    seconds = float(arguments[0]) if arguments else 1.5
    for case in CLASSIFIERS:
        classifier(torch, seconds, *case)
    for case in POPULATIONS:
        population(torch, seconds, *case)
    product(torch, seconds, PRODUCT)


if __name__ == "__main__":
    main(sys.argv[1:])
