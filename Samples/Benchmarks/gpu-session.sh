#!/usr/bin/env bash
# One measuring session on a machine with a graphics card and no network: see usage.
set -euo pipefail

usage() {
    cat <<'END'
gpu-session.sh prepare [FOLDER]   here, with the .NET SDK: packs the samples, the benchmarks and all tests with one .NET runtime, at most 45 MB
gpu-session.sh run [FOLDER]       there, with neither SDK nor network, within five minutes: whether every kernel is right (verify), steps against
                                  PyTorch, the frame budget and its bounds, the arena of 1,000 creatures, agents, ways to upload and read back, and the tests

FOLDER is out/gpu-session of the current folder unless named. It holds all that "run" needs, this script too: FOLDER/gpu-session.sh run FOLDER.
The output of each part goes to $OUT/PART.txt ($OUT is ./out unless set), and one page of all to $OUT/page.txt and to the screen, as soon as the part has ended.
Where there is a card, the first that EGL enumerates is measured and no software driver stands in for it; NEURALPLUGIN_PLATFORM chooses another
(hardware:1, surfaceless). Where there is none, the parts run on what is there, and those that say nothing without a card say so.
The tests are those that a card can change the outcome of, without the long ones and those that measure time; their output names the failed ones.
The exit code is 0 only if no part failed (a bound of the budget that is not held is a failure) and none had to be ended.
END
}

readonly most_bytes=45000000
# The limits below, of what runs there and of each part, in seconds, count from the first command on. All but that of the tests sum to 265; the tests
# come last and have the rest, so at least 30. verify begins with no compiled kernel, and a row of each that it has checked remains if it is ended.
readonly total_seconds=295
readonly kill_seconds=3 # at the end of each limit, for a program that does not end when asked
readonly seconds_a_case=0.2

here=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
readonly here

# ---- here ----

prepare() {
    local folder=$1 root work dotnet version project bytes
    root=$(cd -- "$here/../.." && pwd)
    work=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf -- '$work'" EXIT
    mkdir -p -- "$folder" "$work/all/app"
    for project in Samples/Offscreen/Offscreen.csproj Samples/Benchmarks/Benchmarks.csproj Tests/NeuralPlugin.Tests.csproj; do
        # Without the suites of BenchmarkDotNet, which take longer than the whole session.
        dotnet publish "$root/$project" -c Release -f net10.0 -r linux-x64 --self-contained false -p:DebugType=none -p:Suites=false -o "$work/one" -v q --nologo >&2
        cp -r -- "$work/one/." "$work/all/app"
        rm -rf -- "$work/one"
    done
    # What only dotnet test, tests that compile sources, and readers of documentation use. The lists of dependencies would name it, and without
    # them the host takes what lies there.
    (cd -- "$work/all/app" && rm -rf -- *.deps.json *.xml *.pdb onnxruntime.* Microsoft.CodeAnalysis*.dll Microsoft.CodeCoverage* Microsoft.TestPlatform* Microsoft.VisualStudio* Microsoft.ApplicationInsights.dll testhost*)

    # As the host itself names it: the command may be a script that calls another.
    read -r version dotnet < <(dotnet --list-runtimes | sed -n 's/^Microsoft\.NETCore\.App \(10\.[0-9.]*\) \[\(.*\)\/shared\/Microsoft\.NETCore\.App\]$/\1 \2/p' | sort -V | tail -n 1)
    mkdir -p -- "$work/all/dotnet/host/fxr" "$work/all/dotnet/shared/Microsoft.NETCore.App"
    cp -- "$dotnet/dotnet" "$work/all/dotnet"
    cp -r -- "$dotnet/host/fxr/$version" "$work/all/dotnet/host/fxr"
    cp -r -- "$dotnet/shared/Microsoft.NETCore.App/$version" "$work/all/dotnet/shared/Microsoft.NETCore.App"
    pack_loader "$work/all/loader"
    git -C "$root" describe --always --dirty >"$work/all/commit" 2>/dev/null || echo 'an unknown commit' >"$work/all/commit"

    tar -C "$work/all" -cf - . | xz -T0 -9 >"$folder/package.tar.xz"
    cp -- "$here/gpu-session.sh" "$here/peer_torch_cuda.py" "$folder"
    bytes=$(cat -- "$folder"/{package.tar.xz,gpu-session.sh,peer_torch_cuda.py} | wc -c)
    echo "$folder: $bytes bytes"
    [[ $bytes -le $most_bytes ]] || {
        echo "That is more than the $most_bytes bytes that may travel." >&2
        return 1
    }
}

# A machine for computing often has a card's driver and no library that finds it by EGL: the vendors' dispatcher is taken along, without a driver.
pack_loader() {
    local library path
    mkdir -p -- "$1"
    for library in libEGL.so.1 libGLdispatch.so.0; do
        path=$(ldconfig -p | sed -n "s/.*[[:space:]]$library .*x86-64.* => //p" | head -n 1)
        [[ -z $path ]] || cp -L -- "$path" "$1/$library"
    done
}

# ---- there ----

failed=()

# say_on_page LINE...: on the screen and the page, at once, so that a session that is ended from outside leaves what it has seen.
say_on_page() {
    printf '%s\n' "$@" | tee -a "$out/page.txt"
}

# within SECONDS COMMAND...: no longer than that, however it ends.
within() {
    timeout -k "$kill_seconds" "$(($1 - kill_seconds))" "${@:2}"
}

# part NAME SECONDS LINES COMMAND...: runs it under its limit, and under what is left of the session's, with its output in a file. The page gets its
# state and its last lines, or of "table" the whole table of a comparison; of one that did not come to its table, the last lines.
part() {
    local name=$1 limit=$2 lines=$3 status=0 start=$SECONDS left state printed first i
    shift 3
    left=$((total_seconds - SECONDS))
    if [[ $left -lt 5 ]]; then
        state="did not run: the session's $total_seconds s were over"
        failed+=("$name")
        : >"$out/$name.txt"
    else
        [[ $limit -le $left ]] || limit=$left
        within "$limit" "$@" </dev/null >"$out/$name.txt" 2>&1 || status=$?
        state="ok, $((SECONDS - start)) s"
        if [[ $status -ne 0 ]]; then
            failed+=("$name")
            state="FAILED with exit code $status after $((SECONDS - start)) s"
            [[ $status -ne 124 && $status -ne 137 ]] || state="was ended after its $limit s"
        fi
    fi
    say_on_page "== $name: $state"
    mapfile -t printed <"$out/$name.txt"
    first=$((${#printed[@]} > ${lines/table/40} ? ${#printed[@]} - ${lines/table/40} : 0))
    for i in "${!printed[@]}"; do [[ $lines != table || ${printed[i]} != '| case '* ]] || first=$i; done
    for ((i = first; i < ${#printed[@]}; i++)); do say_on_page "${printed[i]:0:170}"; done
}

# Finds the card's driver where neither EGL nor its vendors' files are.
prepare_driver() {
    if ! ldconfig -p 2>/dev/null | grep -q 'libEGL\.so\.1' && [[ -e $work/loader/libEGL.so.1 ]]; then
        export LD_LIBRARY_PATH=$work/loader${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
    fi
    if ! compgen -G '/usr/share/glvnd/egl_vendor.d/*.json' >/dev/null && ! compgen -G '/etc/glvnd/egl_vendor.d/*.json' >/dev/null &&
        ldconfig -p 2>/dev/null | grep -q 'libEGL_nvidia\.so\.0'; then
        echo '{ "file_format_version": "1.0.0", "ICD": { "library_path": "libEGL_nvidia.so.0" } }' >"$work/nvidia.json"
        export __EGL_VENDOR_LIBRARY_FILENAMES=$work/nvidia.json
    fi
}

# All tests, in as many parts as the machine has pairs of cores, at most four: most of the time goes into compiling kernels, on one core each. Each writes a file
# of its own; the failed tests and the totals of each follow, also where the time is over.
tests_side_by_side() {
    local parts=$(($(nproc) / 2)) i status=0 runs=()
    [[ $parts -ge 1 ]] || parts=1
    [[ $parts -le 4 ]] || parts=4
    trap 'wait; show_tests; exit 1' TERM # each has been asked to end, too
    for ((i = 1; i <= parts; i++)); do
        dotnet NeuralPlugin.Tests.dll tests "$i/$parts" >"$out/tests-$i.txt" 2>&1 &
        runs+=($!)
    done
    for i in "${runs[@]}"; do wait "$i" || status=1; done
    show_tests
    return $status
}

show_tests() {
    grep -h '^Failed' "$out"/tests-[1-4].txt || true
    tail -q -n 1 "$out"/tests-[1-4].txt
}

run() {
    local folder=$1 has_card='' peer=$here/peer_torch_cuda.py creatures=100 frames=90 status=0
    SECONDS=0
    [[ -r $folder/package.tar.xz ]] || {
        echo "There is nothing prepared in $folder; first, on a machine with the .NET SDK: gpu-session.sh prepare" >&2
        exit 2
    }
    out=${OUT:-out}
    mkdir -p -- "$out"
    out=$(cd -- "$out" && pwd)
    rm -f -- "$out"/tests-[1-4].txt "$out/page.txt"
    work=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of now
    trap "rm -rf -- '$work'" EXIT
    within 20 tar -C "$work" -xJf "$folder/package.tar.xz" >"$out/unpack.txt" 2>&1 || {
        say_on_page "The package in $folder cannot be unpacked here within 20 s; tar says: $(head -c 300 "$out/unpack.txt")"
        exit 1
    }
    export out DOTNET_ROOT=$work/dotnet DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 HOME=${HOME:-$work} NEURALPLUGIN_KERNEL_CACHE=$work/kernels
    PATH=$DOTNET_ROOT:$PATH
    if command -v nvidia-smi >/dev/null || compgen -G '/dev/dri/renderD*' >/dev/null; then
        has_card=true creatures=1000 frames=300
        export NEURALPLUGIN_PLATFORM=${NEURALPLUGIN_PLATFORM:-hardware}
        prepare_driver
    fi

    cd -- "$work/app"
    say_on_page "NeuralPlugin $(<"$work/commit"), $(date -u +%F)"
    if command -v nvidia-smi >/dev/null; then
        within 10 nvidia-smi --query-gpu=name,driver_version,clocks.max.sm,memory.total --format=csv,noheader >"$out/nvidia-smi.txt" 2>&1 || status=$?
        say_on_page "$(head -c 300 "$out/nvidia-smi.txt")"
        [[ $status -eq 0 ]] || say_on_page "(nvidia-smi ended with exit code $status)"
    fi
    [[ -n $has_card ]] || say_on_page 'No graphics card is here: what runs is a software driver, and no figure below says anything of a card.'
    part device 10 1 dotnet NeuralPlugin.Tests.dll device
    part verify 75 1 dotnet NeuralPlugin.Samples.dll verify
    if [[ -n $has_card ]] && within 15 python3 "$peer" --check >"$out/peer.txt" 2>&1; then
        part steps 55 table dotnet NeuralPlugin.Benchmarks.dll compare "python3 '$peer' $seconds_a_case" --rounds 1 --seconds "$seconds_a_case" --large --markdown
    else
        part steps 55 40 dotnet NeuralPlugin.Benchmarks.dll steps "$seconds_a_case" ${has_card:+--large}
        say_on_page "Not compared with PyTorch, which takes a card of NVIDIA's and PyTorch with CUDA.${has_card:+ $(head -c 120 "$out/peer.txt")}"
    fi
    part budget 35 15 dotnet NeuralPlugin.Samples.dll budget --rounds 1 --frames "$frames" --out "$work/budget" ${has_card:+--check}
    [[ -n $has_card ]] || say_on_page 'Whether these bounds hold says nothing without a card; nor do the times of creatures and agents below.'
    part arena 20 10 dotnet NeuralPlugin.Samples.dll arena --creatures "$creatures" --frames "$frames" --budget-ms 1 --out "$work/arena"
    part agents 15 8 dotnet NeuralPlugin.Benchmarks.dll agents
    part transfers 10 16 dotnet NeuralPlugin.Benchmarks.dll transfers 0.1
    export NEURALPLUGIN_REQUIRE_GPU=1
    if [[ -n $has_card ]]; then
        part tests 120 24 bash -c "$(declare -f tests_side_by_side show_tests); tests_side_by_side"
    else
        part tests 120 3 dotnet NeuralPlugin.Tests.dll tests DenseKernelTests RowKernelTests VerificationTests
        say_on_page 'All tests take a card in so short a time: these are of kernels alone.'
    fi
    if [[ ${#failed[@]} -eq 0 ]]; then say_on_page "All went well, in $SECONDS s."; else say_on_page "After $SECONDS s. These failed: ${failed[*]}."; fi
    [[ ${#failed[@]} -eq 0 ]]
}

case ${1-} in
    prepare | run) "$1" "$(realpath -m -- "${2:-out/gpu-session}")" ;;
    -h | --help) usage ;;
    *) usage >&2; exit 2 ;;
esac
