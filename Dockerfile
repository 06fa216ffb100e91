# syntax=docker/dockerfile:1
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X errata/internal/app.Version=${VERSION}" -o /out/ ./cmd/...

FROM debian:12.11-slim
COPY --from=build /out/errata /out/collector /out/api /usr/local/bin/
# A volume that is mounted here takes over who owns it.
RUN install -d -m 0700 -o 65532 -g 65532 /var/lib/errata/spool
USER 65532:65532
EXPOSE 8080 4317 4318
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["/usr/local/bin/errata", "healthcheck", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["/usr/local/bin/errata"]
CMD ["serve"]
