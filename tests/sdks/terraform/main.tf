# Configuration sets and event destinations of every kind, as Terraform's provider for AWS makes them.
# With `changed`, what can be changed is different, and what can be removed is gone.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "url" { type = string }
variable "changed" { type = bool }

provider "aws" {
  region                      = "eu-west-1"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {
    ses   = var.url
    sesv2 = var.url
  }
}

locals {
  account = "eu-west-1:111122223333"
}

# === version 2 ===

resource "aws_sesv2_configuration_set" "plain" {
  configuration_set_name = "plain"
}

resource "aws_sesv2_configuration_set" "off" {
  configuration_set_name = "off"
  delivery_options { tls_policy = "REQUIRE" }
  reputation_options { reputation_metrics_enabled = var.changed }
  sending_options { sending_enabled = var.changed }
}

resource "aws_sesv2_configuration_set" "full" {
  configuration_set_name = "full"
  delivery_options {
    max_delivery_seconds = var.changed ? 600 : 300
    tls_policy           = var.changed ? "OPTIONAL" : "REQUIRE"
  }
  reputation_options { reputation_metrics_enabled = true }
  sending_options { sending_enabled = true }
  suppression_options {
    suppressed_reasons = var.changed ? [] : ["BOUNCE", "COMPLAINT"]
  }
  tracking_options {
    custom_redirect_domain = var.changed ? "u.example.com" : "t.example.com"
  }
  vdm_options {
    dashboard_options { engagement_metrics = var.changed ? "DISABLED" : "ENABLED" }
    guardian_options { optimized_shared_delivery = "ENABLED" }
  }
  tags = var.changed ? { stage = "prod" } : { team = "mail", stage = "test" }
}

resource "aws_sesv2_configuration_set_event_destination" "counts" {
  configuration_set_name = aws_sesv2_configuration_set.full.configuration_set_name
  event_destination_name = "counts"
  event_destination {
    enabled              = true
    matching_event_types = var.changed ? ["SEND"] : ["SEND", "BOUNCE", "RENDERING_FAILURE", "CLICK"]
    cloud_watch_destination {
      dimension_configuration {
        dimension_name          = "campaign"
        dimension_value_source  = "MESSAGE_TAG"
        default_dimension_value = "none"
      }
      dimension_configuration {
        dimension_name          = "X-Pool"
        dimension_value_source  = "EMAIL_HEADER"
        default_dimension_value = var.changed ? "other" : "none"
      }
    }
  }
}

resource "aws_sesv2_configuration_set_event_destination" "topic" {
  count                  = var.changed ? 0 : 1
  configuration_set_name = aws_sesv2_configuration_set.full.configuration_set_name
  event_destination_name = "topic"
  event_destination {
    matching_event_types = ["COMPLAINT"]
    sns_destination { topic_arn = "arn:aws:sns:${local.account}:mail" }
  }
}

resource "aws_sesv2_configuration_set_event_destination" "stream" {
  configuration_set_name = aws_sesv2_configuration_set.full.configuration_set_name
  event_destination_name = "stream"
  event_destination {
    enabled              = true
    matching_event_types = ["OPEN"]
    kinesis_firehose_destination {
      delivery_stream_arn = "arn:aws:firehose:${local.account}:deliverystream/mail"
      iam_role_arn        = "arn:aws:iam::111122223333:role/mail"
    }
  }
}

resource "aws_sesv2_configuration_set_event_destination" "bus" {
  configuration_set_name = aws_sesv2_configuration_set.full.configuration_set_name
  event_destination_name = "bus"
  event_destination {
    enabled              = true
    matching_event_types = ["DELIVERY_DELAY", "SUBSCRIPTION"]
    event_bridge_destination { event_bus_arn = "arn:aws:events:${local.account}:event-bus/default" }
  }
}

# === version 1 ===

resource "aws_ses_configuration_set" "gone" {
  count = var.changed ? 0 : 1
  name  = "gone"
}

resource "aws_ses_configuration_set" "old" {
  name                       = "old"
  reputation_metrics_enabled = !var.changed
  sending_enabled            = var.changed
  delivery_options { tls_policy = var.changed ? "Optional" : "Require" }
  tracking_options { custom_redirect_domain = "t.example.com" }
}

resource "aws_ses_event_destination" "counts" {
  configuration_set_name = aws_ses_configuration_set.old.name
  name                   = "counts"
  enabled                = true
  matching_types         = ["bounce", "send", "renderingFailure"]
  cloudwatch_destination {
    dimension_name = "ses:configuration-set"
    value_source   = "messageTag"
    default_value  = "none"
  }
}

resource "aws_ses_event_destination" "topic" {
  configuration_set_name = aws_ses_configuration_set.old.name
  name                   = "topic"
  matching_types         = ["open"]
  sns_destination { topic_arn = "arn:aws:sns:${local.account}:mail" }
}
