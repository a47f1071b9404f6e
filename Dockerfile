# syntax=docker/dockerfile:1
FROM rust:1-bookworm AS build
# The parser's bindings are made with libclang.
RUN apt-get update \
 && apt-get install -y --no-install-recommends libclang-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin shardway \
 && cp target/release/shardway /usr/local/bin/shardway

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 6432 --no-create-home shardway
COPY --from=build /usr/local/bin/shardway /usr/local/bin/shardway
COPY config/minimal.toml /etc/shardway/shardway.toml
USER shardway
EXPOSE 6432 9090
# TERM drains, as in PgBouncer.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=2s --start-period=10s \
    CMD ["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:9090/readyz"]
ENTRYPOINT ["shardway"]
CMD ["run", "-c", "/etc/shardway/shardway.toml"]
