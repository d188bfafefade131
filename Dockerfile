# Two stages: the compiler, then a base image with only a C library, without a shell.
# glibc instead of a static musl build: Signet uses the system's allocator (docs/decisions/0012), and
# musl's was not measured.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The commit in `signet version`: --build-arg BUILD_COMMIT=$(git rev-parse --short HEAD)
#   --build-arg BUILD_COMMIT_DATE=$(git log -1 --format=%cs)
ARG BUILD_COMMIT BUILD_COMMIT_DATE
COPY . .
RUN cargo build --locked --profile dist && install -d -m 0700 /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/dist/signet /signet
# A new volume gets owner and mode from here; 65532 is `nonroot` in the base image.
COPY --from=build --chown=65532:65532 /data /data
# Plain HTTP on every address of the container: publish the port to a TLS proxy only, or set
# SIGNET_TLS_CERT and SIGNET_TLS_KEY. SIGNET_ISSUER must be the public address.
ENV SIGNET_DATA_DIR=/data SIGNET_LISTEN=0.0.0.0:8484 SIGNET_LOG_FORMAT=json
VOLUME /data
EXPOSE 8484
USER 65532:65532
# Without --url it calls the address in SIGNET_LISTEN, with TLS if it is configured.
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["/signet", "health"]
ENTRYPOINT ["/signet"]
CMD ["serve"]
