# shellcheck shell=bash
# Sourced by Samples/run and Tests/run: prepares the machine, or says in one sentence what is missing.
# On Debian and its descendants it installs the software OpenGL driver if there is no driver; if nothing
# is missing, it changes nothing and does not call apt.

readonly exit_no_driver=3 # the exit code of the samples' program if no device can run it
readonly exit_no_sdk=4
readonly sdk_major=10

root=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd) || exit 1
readonly root

[[ -n ${HOME+set} ]] || export HOME=~ # NuGet needs it; services and bare containers lack it
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1

say() { printf '%s\n' "$*" >&2; }

fail() {
    local code=$1
    shift
    say "$*"
    exit "$code"
}

# Prints the loader's paths of the libraries whose names begin with this one, such as libEGL.so.1.
find_library() {
    local folder folders
    PATH=$PATH:/usr/sbin:/sbin ldconfig -p 2>/dev/null | awk -v name="$1" 'index($1, name) == 1 { print $NF }'
    IFS=: read -ra folders <<<"${LD_LIBRARY_PATH:-}:/usr/lib:/usr/lib64:/usr/local/lib:/run/opengl-driver/lib"
    for folder in "${folders[@]}"; do
        if [[ -n $folder ]]; then compgen -G "$folder/$1*"; fi
    done
}

has_library() { [[ -n $(find_library "$1") ]]; }

prepare_dotnet() {
    local folder
    # Without libicu the SDK starts only in its invariant mode.
    has_library libicuuc.so || export DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1
    if ! command -v dotnet >/dev/null; then
        # Where Microsoft's dotnet-install.sh puts it, without adding it to PATH.
        for folder in "${DOTNET_ROOT:-}" "$HOME/.dotnet"; do
            if [[ -n $folder && -x $folder/dotnet ]]; then PATH=$folder:$PATH; fi
        done
    fi

    local get="get it from https://dotnet.microsoft.com/download/dotnet/$sdk_major.0"
    command -v dotnet >/dev/null || fail $exit_no_sdk "NeuralPlugin needs the .NET SDK $sdk_major, but there is no dotnet on PATH: $get"

    local sdks newest
    sdks=$(dotnet --list-sdks 2>&1) || fail $exit_no_sdk "NeuralPlugin needs the .NET SDK $sdk_major, but dotnet does not start: $sdks"
    newest=$(sort -V <<<"$sdks" | tail -n 1)
    [[ ${newest%%.*} =~ ^[0-9]+$ && ${newest%%.*} -ge $sdk_major ]] ||
        fail $exit_no_sdk "NeuralPlugin needs the .NET SDK $sdk_major, but the newest here is ${newest:-none}: $get"
}

has_mesa_driver() {
    local library folder
    has_library libEGL_mesa.so.0 || return
    for library in $(find_library libEGL_mesa.so.0); do
        folder=$(dirname -- "$library")
        # Up to Mesa 24.1 each driver is a library of its own in dri/; since then one libgallium holds them all.
        if compgen -G "$folder/dri/*_dri.so" >/dev/null || compgen -G "$folder/libgallium-*.so" >/dev/null; then return; fi
    done
    [[ -n ${LIBGL_DRIVERS_PATH:-} ]]
}

# A vendor's driver counts only if its library exists, not just the file that announces it: containers often have only that file.
has_vendor_driver() {
    local library
    while read -r library; do
        if [[ $library == /* && -e $library ]] || has_library "$library"; then return; fi
    done < <(cat {/etc,/usr/share}/glvnd/egl_vendor.d/*.json 2>/dev/null |
        sed -n 's/.*"library_path"[^"]*"\([^"]*\)".*/\1/p' | grep -v libEGL_mesa)
    # Without a dispatcher libEGL is the driver itself.
    ! has_library libGLdispatch.so.0 && ! has_library libEGL_mesa.so.0
}

has_driver() {
    has_library libEGL.so.1 || return
    [[ -n ${__EGL_VENDOR_LIBRARY_FILENAMES:-}${__EGL_VENDOR_LIBRARY_DIRS:-} ]] || has_mesa_driver || has_vendor_driver
}

# The text in the pictures is drawn with a font of the system; Skia searches only here.
has_font() { [[ -n $(find -L /usr/share/fonts \( -name '*.ttf' -o -name '*.otf' \) -print -quit 2>/dev/null) ]]; }

apt_install() {
    local as_root=() log attempt
    say "Installing $* ..."
    if [[ $EUID -ne 0 ]]; then
        as_root=(sudo)
        if ! command -v sudo >/dev/null || ! sudo -v; then
            say "This needs root privileges; as root: apt-get install $*"
            return 1
        fi
    fi

    log=$(mktemp)
    local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3)
    for attempt in 1 2 3 4; do
        # The package lists of a fresh machine are empty or old; after an update the second attempt finds the packages.
        if [[ $attempt -gt 1 ]] && ! "${apt[@]}" update </dev/null >"$log" 2>&1; then
            sleep $((attempt * 5))
        fi
        if "${apt[@]}" install -y --no-install-recommends "$@" </dev/null >>"$log" 2>&1; then
            rm -f "$log"
            return
        fi
    done
    tail -n 20 "$log" >&2
    rm -f "$log"
    say "apt-get could not install $*; its output is above."
    return 1
}

prepare_linux() {
    local driver=() font=()
    has_library libEGL.so.1 || driver+=(libegl1)
    has_driver || driver+=(libegl-mesa0 libgl1-mesa-dri)
    has_font || font+=(fonts-dejavu-core)
    [[ ${#driver[@]} -gt 0 || ${#font[@]} -gt 0 ]] || return 0

    if command -v apt-get >/dev/null; then
        apt_install "${driver[@]}" "${font[@]}" || [[ ${#driver[@]} -eq 0 ]] || exit $exit_no_driver
        return 0
    fi
    [[ ${#driver[@]} -eq 0 ]] || fail $exit_no_driver "NeuralPlugin needs libEGL.so.1 and an OpenGL 4.3 driver." \
        "Install the graphics card's driver or Mesa's software driver: Fedora: mesa-libEGL mesa-dri-drivers;" \
        "Arch: libglvnd mesa; openSUSE: Mesa-libEGL1 Mesa-dri; Alpine: mesa-egl mesa-dri-gallium."
    say "There is no font under /usr/share/fonts (such as DejaVu): pictures will lack their text."
}

prepare_driver() {
    case $(uname -s) in
        Linux) prepare_linux ;;
        Darwin) fail $exit_no_driver "macOS supports only OpenGL 4.1, but NeuralPlugin needs 4.3: use Linux, which may run in a virtual machine or a container." ;;
        MINGW* | MSYS* | CYGWIN*) ;; # the context comes from the graphics driver, by WGL; the program reports a driver without OpenGL 4.3
        *) has_driver || fail $exit_no_driver "NeuralPlugin needs libEGL.so.1 and an OpenGL 4.3 driver; on this system, Mesa's." ;;
    esac
}

# build PROJECT [options]: builds for Release; prints nothing unless it fails.
build() {
    local log
    log=$(mktemp)
    # Output goes into a file: build servers outlive the build and would hold a pipe open. A global.json in the caller's folder is not ours.
    if ! (cd -- "$root" && dotnet build "$1" -c Release -v q --nologo "${@:2}") </dev/null >"$log" 2>&1; then
        cat -- "$log" >&2
        rm -f "$log"
        say "$1 does not build."
        return 1
    fi
    rm -f "$log"
}

prepare() {
    prepare_dotnet
    prepare_driver
}
