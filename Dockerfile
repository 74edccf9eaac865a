# A target per service, each with only what that service needs, and `ray` with all of them for Kubernetes:
#   docker build --target speech -t empatheia-speech .
ARG BASE_IMAGE=python:3.11-slim-bookworm

FROM ${BASE_IMAGE} AS program
WORKDIR /src
COPY . .
RUN pip install --no-cache-dir --disable-pip-version-check --no-deps --target /program .

FROM ${BASE_IMAGE} AS core
# PyTorch comes from this package index, if one is given: its makers' CPU wheels make far smaller images.
ARG TORCH_INDEX=
ENV PIP_NO_CACHE_DIR=1 PYTHONUNBUFFERED=1 \
    PATH=/opt/empatheia/program/bin:$PATH PYTHONPATH=/opt/empatheia/program \
    EMPATHEIA_HOME=/data NUMBA_CACHE_DIR=/data/numba HF_HUB_OFFLINE=1
RUN useradd --uid 1000 --create-home empatheia && install -d -o empatheia -g empatheia /data
WORKDIR /opt/empatheia
COPY pyproject.toml constraints.txt ./
COPY scripts/install.py scripts/
EXPOSE 9000
ENTRYPOINT ["empatheia"]

FROM core AS perception
RUN python scripts/install.py perception
COPY --from=program /program program
USER empatheia
CMD ["serve", "perception", "--host", "0.0.0.0", "--port", "9000"]

FROM core AS reasoning
RUN python scripts/install.py reasoning
COPY --from=program /program program
USER empatheia
CMD ["serve", "reasoning", "--host", "0.0.0.0", "--port", "9000"]

FROM core AS safety
RUN python scripts/install.py safety
COPY --from=program /program program
USER empatheia
CMD ["serve", "safety", "--host", "0.0.0.0", "--port", "9000"]

FROM core AS synchronizer
RUN python scripts/install.py synchronizer
COPY --from=program /program program
USER empatheia
CMD ["serve", "synchronizer", "--host", "0.0.0.0", "--port", "9000"]

FROM core AS disentangler
RUN python scripts/install.py disentangler
COPY --from=program /program program
USER empatheia
CMD ["serve", "disentangler", "--host", "0.0.0.0", "--port", "9000"]

FROM core AS speech
RUN python scripts/install.py speech
COPY --from=program /program program
USER empatheia
CMD ["serve", "speech", "--host", "0.0.0.0", "--port", "9000"]

# Skia is linked with these two, even where there is no screen.
FROM core AS core-with-gl
RUN apt-get update && apt-get install -y --no-install-recommends libegl1 libgl1 && rm -rf /var/lib/apt/lists/*

FROM core-with-gl AS avatar
RUN python scripts/install.py avatar
COPY --from=program /program program
USER empatheia
CMD ["serve", "avatar", "--host", "0.0.0.0", "--port", "9000"]

FROM core AS gateway
RUN python scripts/install.py gateway
COPY --from=program /program program
USER empatheia
EXPOSE 8000
CMD ["serve", "gateway", "--host", "0.0.0.0", "--port", "9000", "--http-port", "8000"]

# KubeRay starts Ray itself, through a shell, and probes with wget.
FROM core-with-gl AS ray
RUN apt-get update && apt-get install -y --no-install-recommends wget && rm -rf /var/lib/apt/lists/*
RUN python scripts/install.py all
COPY --from=program /program program
USER empatheia
EXPOSE 8000
ENTRYPOINT []
CMD ["ray", "--help"]
