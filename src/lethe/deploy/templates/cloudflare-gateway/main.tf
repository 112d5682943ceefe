# terraform init && terraform apply -var account=...; the provider reads CLOUDFLARE_API_TOKEN
terraform {
  required_version = ">= 1.6"
  required_providers {
    cloudflare = {
      source  = "cloudflare/cloudflare"
      version = ">= 5.13"
    }
  }
}

variable "account" {
  type        = string
  description = "The id of the account"
  default     = "%%ACCOUNT%%"
}

# The provider has no words for log_classification and guardrails (version 5.22, docs of 2026-07-10): both are off
# unless somebody turns them on, and `lethe deploy cloudflare-gateway --audit` looks.
resource "cloudflare_ai_gateway" "lethe" {
  account_id                 = var.account
  id                         = "%%GATEWAY%%"
  authentication             = true
  collect_logs               = false
  logpush                    = false
  otel                       = []
  cache_ttl                  = 0
  cache_invalidate_on_update = true
  rate_limiting_interval     = 0
  rate_limiting_limit        = 0
  zdr                        = true
}
