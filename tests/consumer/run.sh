#!/bin/sh
# Installs the library in a directory of its own, moves that elsewhere, and builds and runs a user's program against it:
# in C and in C++, by find_package, by pkg-config and by add_subdirectory.
# Usage: tests/consumer/run.sh BUILD_DIRECTORY [CONFIGURATION]          Environment: CC (cc), CXX (c++)
#
# Without a C++ compiler, or without pkg-config, that part is left out, and it says so.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 1 ] || { sed -n 4p "$0" >&2; exit 2; }
build=$1
config=${2:-Release}
: "${CC:=cc}" "${CXX:=c++}"
root=$(cd "$here/../.." && pwd)

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
total=0
failed=0

# attempt TITLE COMMAND...: runs the command in silence, unless it fails
attempt() {
    title=$1
    shift
    total=$((total + 1))
    if "$@" > "$work/log" 2>&1; then
        echo "consumer: $title: right"
    else
        echo "consumer: $title: FAILED"
        sed 's/^/    /' "$work/log"
        failed=$((failed + 1))
    fi
}

# by_cmake LANGUAGE NAME OPTION...: configures, builds and runs the project here
by_cmake() {
    language=$1
    directory=$work/$2
    shift 2
    cmake -S "$here" -B "$directory" -DCMAKE_BUILD_TYPE=Debug -DCONSUMER_LANGUAGE="$language" "$@" &&
        cmake --build "$directory" --parallel 2 && "$directory/consumer"
}

# by_pkg_config SOURCE COMPILER OPTION...: one command line, as a Makefile would have it
by_pkg_config() {
    source=$1
    shift
    # shellcheck disable=SC2046 # its output is words
    "$@" $(pkg-config --cflags wengert) "$here/$source" -o "$work/by-pkg-config" $(pkg-config --libs wengert) &&
        LD_LIBRARY_PATH=$(pkg-config --variable=libdir wengert) "$work/by-pkg-config"
}

cmake --install "$build" --config "$config" --prefix "$work/first" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
mv "$work/first" "$work/moved"
for lib in "$work/moved"/lib*; do
    [ ! -d "$lib/pkgconfig" ] || export PKG_CONFIG_PATH="$lib/pkgconfig"
done

languages='C CXX'
command -v "$CXX" > /dev/null || { languages=C; echo "consumer: no C++ compiler, C alone is tried"; }
has_pkg_config=1
command -v pkg-config > /dev/null || { has_pkg_config=0; echo "consumer: no pkg-config, the two others are tried"; }

for language in $languages; do
    case $language in
    C) compiler=$CC suffix=c standard=c11 name=C ;;
    *) compiler=$CXX suffix=cpp standard=c++17 name=C++ ;;
    esac
    attempt "$name, find_package" by_cmake "$language" "package-$suffix" \
        "-DCMAKE_PREFIX_PATH=$work/moved" "-DCMAKE_${language}_COMPILER=$compiler"
    [ "$has_pkg_config" -eq 0 ] ||
        attempt "$name, pkg-config" by_pkg_config "consumer.$suffix" "$compiler" -std=$standard -Wall -Wextra -Wpedantic -Werror
    attempt "$name, add_subdirectory" by_cmake "$language" "subdirectory-$suffix" \
        "-DCONSUMER_SOURCE=$root" "-DCMAKE_C_COMPILER=$CC" "-DCMAKE_${language}_COMPILER=$compiler"
done
echo "consumer: $((total - failed)) of $total ways to use the library work"
[ "$failed" -eq 0 ]
