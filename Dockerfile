# Two stages: a compiler, then a base with a C library and nothing else.
FROM rust:1.95-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --locked --profile dist && mkdir /data

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /src/target/dist/signet /signet
COPY --from=build --chown=65532:65532 /data /data
ENV SIGNET_DATA_DIR=/data SIGNET_LISTEN=0.0.0.0:8484
VOLUME /data
EXPOSE 8484
USER nonroot
HEALTHCHECK --interval=10s --timeout=3s CMD ["/signet", "health", "--url", "http://127.0.0.1:8484"]
ENTRYPOINT ["/signet"]
CMD ["serve"]
