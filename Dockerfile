# The image for whoever has a container engine: docker build --tag lethe .
# With a shell and a package manager of its base; `make image` makes one without, which is the same from the same commit.
ARG BASE=python:3.13-slim-trixie

FROM ${BASE} AS build
WORKDIR /build
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python3 -m venv tools \
    && tools/bin/pip install --no-cache-dir --require-hashes --requirement requirements/build.txt \
    && python3 -m venv --without-pip /opt/lethe \
    && tools/bin/pip --python /opt/lethe/bin/python install --no-cache-dir --no-deps --require-hashes \
        --requirement requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN tools/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir wheels . \
    && tools/bin/pip --python /opt/lethe/bin/python install --no-cache-dir --no-deps --no-index wheels/*.whl

FROM ${BASE}
COPY --from=build /opt/lethe /opt/lethe
ENV PATH=/opt/lethe/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    LETHE_HOST=0.0.0.0 \
    PORT=8080
EXPOSE 8080
USER 65532:65532
WORKDIR /
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/lethe/bin/lethe"]
CMD ["serve"]
