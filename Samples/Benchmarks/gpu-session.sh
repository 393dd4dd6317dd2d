#!/usr/bin/env bash
# One measuring session on a machine with a graphics card and no network: see usage.
set -euo pipefail

usage() {
    cat <<'EOF'
gpu-session.sh prepare [FOLDER]   here, with the .NET SDK: publishes the benchmarks and the tests, about 50 MB
gpu-session.sh run [FOLDER]       there, with neither SDK nor network, in under ten minutes: the tests of the kernels,
                                  the table of steps, and the same cases in PyTorch, eager and as a CUDA graph

FOLDER is out/gpu-session of the current folder unless named. Results go to $OUT, or ./out. Where there is a card, the
first that EGL enumerates is measured and no software driver stands in for it; NEURALPLUGIN_PLATFORM chooses another
(hardware:1, surfaceless). The exit code is 0 only if the tests passed, every step agreed with its twin, and PyTorch was
there to compare with.
EOF
}

readonly test_classes=(DenseKernelTests RowKernelTests NetworkTests TrainingTests NetworkPopulationTests)
readonly test_seconds=200 steps_seconds=120 compare_seconds=240   # limits; together under ten minutes
readonly seconds_a_case=0.5 rounds=3

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly here

publish() {
    local project=$1 target=$2
    shift 2
    dotnet publish "$project" -c Release -r linux-x64 --self-contained -p:DebugType=none -o "$target" -v q --nologo "$@" >&2
}

prepare() {
    local folder=$1 tests
    mkdir -p -- "$folder"
    publish "$here/Benchmarks.csproj" "$folder/benchmarks" -p:PublishSingleFile=true -p:PublishTrimmed=true
    # Not trimmed: NUnit finds its tests by reflection.
    tests=$(mktemp -d)
    publish "$here/../../Tests/NeuralPlugin.Tests.csproj" "$tests"
    # Half of the size, and only dotnet test and the tests of files use them.
    rm -rf -- "$tests"/Microsoft.CodeCoverage* "$tests"/libonnxruntime*
    tar -C "$tests" -czf "$folder/tests.tar.gz" .
    rm -rf -- "$tests"
    du -ch "$folder/benchmarks/NeuralPlugin.Benchmarks" "$folder/tests.tar.gz"
}

failed=()

# part NAME SECONDS COMMAND...: runs it under a limit, shows its output and keeps it in a file; remembers that it failed.
part() {
    local name=$1 limit=$2 status=0
    shift 2
    printf '\n== %s\n' "$name"
    timeout "$limit" "$@" 2>&1 | tee "$out/$name.txt" || status=$?
    if [[ $status -eq 0 ]]; then return; fi
    printf '%s ended with exit code %s%s\n' "$name" "$status" "$([[ $status -ne 124 ]] || echo " after its limit of $limit s")"
    failed+=("$name")
    return 1
}

run() {
    local folder=$1 benchmarks=$1/benchmarks/NeuralPlugin.Benchmarks tests peer=$here/peer_torch_cuda.py
    [[ -x $benchmarks && -r $folder/tests.tar.gz ]] || {
        echo "There is nothing prepared in $folder; first, on a machine with the .NET SDK: gpu-session.sh prepare" >&2
        exit 2
    }
    out=${OUT:-out}
    mkdir -p -- "$out"
    tests=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf -- '$tests'" EXIT
    tar -C "$tests" -xzf "$folder/tests.tar.gz"
    if command -v nvidia-smi >/dev/null || compgen -G '/dev/dri/renderD*' >/dev/null; then
        export NEURALPLUGIN_PLATFORM=${NEURALPLUGIN_PLATFORM:-hardware}
    fi
    if command -v nvidia-smi >/dev/null; then
        nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,memory.total --format=csv,noheader | tee "$out/card.txt"
    fi

    NEURALPLUGIN_REQUIRE_GPU=1 part tests "$test_seconds" "$tests/NeuralPlugin.Tests" tests "${test_classes[@]}" || true
    part steps "$steps_seconds" "$benchmarks" steps "$seconds_a_case" --large || true
    if part peer 60 python3 "$peer" --check; then
        part compare "$compare_seconds" "$benchmarks" compare "python3 '$peer' $seconds_a_case" \
            --rounds "$rounds" --seconds "$seconds_a_case" --large --markdown || true
    fi
    printf '\nResults are in %s; %s after %s s.\n' "$out" "$([[ ${#failed[@]} -eq 0 ]] && echo 'all went well' || echo "failed: ${failed[*]}")" "$SECONDS"
    [[ ${#failed[@]} -eq 0 ]]
}

case ${1-} in
    prepare | run) "$1" "${2:-out/gpu-session}" ;;
    -h | --help) usage ;;
    *) usage >&2; exit 2 ;;
esac
