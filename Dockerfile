# The reference backend as an image. At the root of the repository: docker build -t twofold .

FROM python:3.13-slim AS build
WORKDIR /opt/twofold
ENV PIP_NO_CACHE_DIR=1 UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1 UV_PYTHON_DOWNLOADS=never

# The installer, and with it what others wrote: by version and hash, and anew only when a lock changes.
COPY bootstrap.lock ./
RUN pip install --require-hashes --requirement bootstrap.lock
COPY backend/requirements.lock backend/
RUN uv venv venv
RUN uv pip install --python venv/bin/python --require-hashes --requirement backend/requirements.lock

# The library, from here. All that it needs is there, so nothing is fetched.
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY backend/requirements.txt backend/
RUN uv pip install --offline --python venv/bin/python --requirement backend/requirements.txt

# What runs has neither installer nor sources of the library.
FROM python:3.13-slim
WORKDIR /opt/twofold/backend
COPY --from=build /opt/twofold/venv /opt/twofold/venv
COPY backend ./
# For a SQLite file, where no DATABASE_URL is given: mount a volume there, or it is gone with the container.
RUN install --directory --owner=10001 --group=10001 var
USER 10001:10001
ENV PATH=/opt/twofold/venv/bin:$PATH PYTHONUNBUFFERED=1 HOST=0.0.0.0 PORT=8000 TWOFOLD_APP=app.main:create_app
EXPOSE 8000
# urllib would ask a proxy of the environment for this very machine, unless it is told that there is none.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "import os, urllib.request as r; r.build_opener(r.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['PORT'] + '/readyz', timeout=4)"]
CMD ["python", "-m", "app.main"]
