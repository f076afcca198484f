# The drawing page with the released model, on the processor:
#   docker build -t sketch2photo . && docker run --rm -p 7860:7860 sketch2photo
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 JAX_PLATFORMS=cpu

RUN useradd --create-home --uid 1000 painter
WORKDIR /app

# Packages first and alone: a change of the code does not install them again.
COPY requirements.txt constraints.txt ./
RUN pip install --no-cache-dir -r requirements.txt -c constraints.txt

COPY checkpoints/studio checkpoints/studio
COPY sketch2photo sketch2photo
COPY app.py ./

USER 1000
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:7860', timeout=4)"]
CMD ["python", "app.py", "--host", "0.0.0.0", "--port", "7860", "--no-open"]
