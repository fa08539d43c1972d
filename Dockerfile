# closer in one image: server, worker and command line. Build: docker build -t closer .
# ONNX Runtime's shared library comes from its npm package, as internal/ort/runtime/package-lock.json pins it.
FROM node:20-bookworm-slim AS runtime
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /runtime
COPY internal/ort/runtime/package.json internal/ort/runtime/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
RUN mkdir /lib-out && cp -L "node_modules/onnxruntime-node/bin/napi-v6/linux/$(uname -m | sed 's/x86_64/x64/;s/aarch64/arm64/')/libonnxruntime.so.1" /lib-out/

FROM node:20-bookworm-slim AS viewer
WORKDIR /viewer
COPY web/viewer/package.json web/viewer/package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY web/viewer/ ./
RUN npm run build

FROM golang:1.26-bookworm AS build
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends build-essential pkg-config libhdf5-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=viewer /viewer/dist/ ./web/viewer/dist/
ARG VERSION=dev
RUN go build -buildvcs=false -ldflags "-X main.version=${VERSION}" -o /closer ./cmd/closer

FROM debian:12-slim
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends ca-certificates curl libhdf5-103-1 libhdf5-hl-100 libgdcm-tools libstdc++6 && rm -rf /var/lib/apt/lists/*
COPY --from=runtime /lib-out/ /usr/local/lib/
COPY --from=build /closer /usr/local/bin/closer
RUN useradd --uid 10001 --create-home closer && install -d -o closer -g closer /data /blobs /spool
USER 10001
VOLUME ["/data", "/blobs", "/spool"]
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s CMD ["sh", "-c", "curl -fsk https://127.0.0.1:8080/healthz || curl -fsS http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["/usr/local/bin/closer"]
# Refuses to start until it is given a certificate and keys, or --insecure: doc/operating.md.
CMD ["serve", "--listen", "0.0.0.0:8080", "--data", "/data"]
