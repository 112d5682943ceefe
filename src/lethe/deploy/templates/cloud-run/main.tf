# terraform init && terraform apply -var project=... -var region=...
terraform {
  required_version = ">= 1.6"
  required_providers {
    google = {
      source  = "hashicorp/google"
      version = ">= 6.10"
    }
  }
}

variable "project" {
  type        = string
  description = "The project to deploy to"
}

variable "region" {
  type        = string
  description = "The region of the service"
  default     = "%%REGION%%"
}

variable "image" {
  type        = string
  description = "The image, by its digest"
  default     = "%%IMAGE%%"
}

variable "secret_versions" {
  type        = map(string)
  description = "The pinned version of each secret; raise one to rotate it"
  default = {
    %%VERSIONS%%
  }
}

resource "google_service_account" "lethe" {
  project      = var.project
  account_id   = "%%NAME%%"
  display_name = "Lethe, and nothing else"
}

resource "google_secret_manager_secret_iam_member" "reads" {
  for_each  = var.secret_versions
  project   = var.project
  secret_id = each.key
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.lethe.email}"
}

%%IDENTITY%%
resource "google_cloud_run_v2_service" "lethe" {
  project              = var.project
  location             = var.region
  name                 = "%%NAME%%"
  ingress              = "INGRESS_TRAFFIC_ALL"
  invoker_iam_disabled = true # callers show keys of Lethe's own
  deletion_protection  = false

  template {
    service_account                  = google_service_account.lethe.email
    timeout                          = "3600s"
    max_instance_request_concurrency = %%CONCURRENCY%%
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      min_instance_count = 1
      max_instance_count = 10
    }

    containers {
      image = var.image

      ports {
        name           = "http1"
        container_port = %%PORT%%
      }

      resources {
        limits = {
          cpu    = "1"
          memory = "512Mi"
        }
        cpu_idle          = false # streams go on between requests
        startup_cpu_boost = true
      }

      startup_probe {
        http_get {
          path = "/ready"
          port = %%PORT%%
        }
        period_seconds    = 1
        failure_threshold = 30
      }

      liveness_probe {
        http_get {
          path = "/health"
          port = %%PORT%%
        }
        period_seconds = 30
      }

      env {
        name  = "LETHE_HOST"
        value = "0.0.0.0"
      }

      env {
        name  = "LETHE_DRAIN"
        value = "%%DRAIN%%"
      }

      env {
        name  = "LETHE_TOML"
        value = file("${path.module}/lethe.toml")
      }

      %%SECRETS%%
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.reads]
}

# The request log holds URLs and addresses, and cannot be switched off for a service: it is left out where it would be
# stored. These two act on the project's _Default sink; sinks of your own, of the folder and of the organisation need the same filters.
resource "google_logging_project_exclusion" "requests" {
  project = var.project
  name    = "%%NAME%%-requests"
  filter  = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"%%NAME%%\" AND log_id(\"run.googleapis.com/requests\")"
}

resource "google_logging_project_exclusion" "output" {
  project = var.project
  name    = "%%NAME%%-output"
  filter  = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"%%NAME%%\" AND (log_id(\"run.googleapis.com/stdout\") OR log_id(\"run.googleapis.com/stderr\") OR log_id(\"run.googleapis.com/varlog/system\"))"
}

output "url" {
  value = google_cloud_run_v2_service.lethe.uri
}
