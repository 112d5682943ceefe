# terraform init && terraform apply -var vpc_id=... (the other variables are named below)
terraform {
  required_version = ">= 1.6"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100"
    }
  }
}

variable "image" {
  type    = string
  default = "%%IMAGE%%"
}

variable "vpc_id" {
  type = string
}

variable "balancer_subnets" {
  type = list(string)
}

variable "task_subnets" {
  type = list(string)
}

variable "certificate_arn" {
  type = string
}

variable "internal" {
  type    = bool
  default = true
}

variable "client_cidr" {
  type        = string
  description = "From where it may be called"
  default     = "10.0.0.0/8"
}

variable "secret_arns" {
  type        = map(string)
  description = "The secret in Secrets Manager for each variable: %%VARIABLES%%"
}

data "aws_caller_identity" "here" {}

data "aws_region" "here" {}

resource "aws_ecs_cluster" "lethe" {
  name = "%%NAME%%"

  setting {
    name  = "containerInsights"
    value = "disabled"
  }

  configuration {
    execute_command_configuration {
      logging = "NONE"
    }
  }
}

locals {
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.here.account_id } }
    }]
  })
}

resource "aws_iam_role" "execution" {
  name_prefix        = "%%NAME%%-execution-"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy_attachment" "pulls" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"
}

resource "aws_iam_role_policy" "secrets" {
  name = "secrets"
  role = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "secretsmanager:GetSecretValue"
      Resource = values(var.secret_arns)
    }]
  })
}

resource "aws_iam_role" "task" {
  name_prefix        = "%%NAME%%-task-"
  assume_role_policy = local.trust
}

%%MODELS%%
resource "aws_ecs_task_definition" "lethe" {
  family                   = "%%NAME%%"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 512
  memory                   = 1024
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn

  # No logConfiguration: what a container prints goes nowhere.
  container_definitions = jsonencode([{
    name                   = "lethe"
    image                  = var.image
    essential              = true
    user                   = "65532:65532"
    readonlyRootFilesystem = true
    stopTimeout            = %%STOP%%
    linuxParameters        = { capabilities = { drop = ["ALL"] }, initProcessEnabled = false }
    ulimits = [
      { name = "core", softLimit = 1, hardLimit = 1 },
      { name = "nofile", softLimit = 65536, hardLimit = 65536 }
    ]
    portMappings = [{ containerPort = %%PORT%%, protocol = "tcp" }]
    environment = [
      { name = "LETHE_HOST", value = "0.0.0.0" },
      { name = "LETHE_PORT", value = "%%PORT%%" },
      { name = "LETHE_DRAIN", value = "%%DRAIN%%" },
      { name = "LETHE_TOML", value = file("${path.module}/lethe.toml") }
    ]
    secrets = [for name, arn in var.secret_arns : { name = name, valueFrom = arn }]
  }])
}

resource "aws_security_group" "balancer" {
  name_prefix = "%%NAME%%-balancer-"
  description = "Callers of Lethe"
  vpc_id      = var.vpc_id

  ingress {
    protocol    = "tcp"
    from_port   = 443
    to_port     = 443
    cidr_blocks = [var.client_cidr]
  }

  egress {
    protocol    = "tcp"
    from_port   = %%PORT%%
    to_port     = %%PORT%%
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_security_group" "task" {
  name_prefix = "%%NAME%%-task-"
  description = "Lethe"
  vpc_id      = var.vpc_id

  ingress {
    protocol        = "tcp"
    from_port       = %%PORT%%
    to_port         = %%PORT%%
    security_groups = [aws_security_group.balancer.id]
  }

  %%EGRESS%%
}

resource "aws_lb" "lethe" {
  name                       = "%%NAME%%"
  load_balancer_type         = "application"
  internal                   = var.internal
  subnets                    = var.balancer_subnets
  security_groups            = [aws_security_group.balancer.id]
  idle_timeout               = %%IDLE%%
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"

  access_logs {
    enabled = false
    bucket  = ""
  }

  connection_logs {
    enabled = false
    bucket  = ""
  }
}

resource "aws_lb_target_group" "lethe" {
  vpc_id               = var.vpc_id
  target_type          = "ip"
  protocol             = "HTTP"
  port                 = %%PORT%%
  deregistration_delay = %%DEREGISTER%%

  health_check {
    path              = "/ready"
    interval          = 10
    healthy_threshold = 2
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.lethe.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn

  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.lethe.arn
  }
}

resource "aws_ecs_service" "lethe" {
  name                               = "%%NAME%%"
  cluster                            = aws_ecs_cluster.lethe.id
  task_definition                    = aws_ecs_task_definition.lethe.arn
  launch_type                        = "FARGATE"
  desired_count                      = 2
  enable_execute_command             = false
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    assign_public_ip = false
    subnets          = var.task_subnets
    security_groups  = [aws_security_group.task.id]
  }

  load_balancer {
    container_name   = "lethe"
    container_port   = %%PORT%%
    target_group_arn = aws_lb_target_group.lethe.arn
  }

  lifecycle {
    ignore_changes = [desired_count]
  }

  depends_on = [aws_lb_listener.https]
}

resource "aws_appautoscaling_target" "lethe" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.lethe.name}/${aws_ecs_service.lethe.name}"
  min_capacity       = 2
  max_capacity       = 20
}

resource "aws_appautoscaling_policy" "cpu" {
  name               = "%%NAME%%-cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.lethe.service_namespace
  scalable_dimension = aws_appautoscaling_target.lethe.scalable_dimension
  resource_id        = aws_appautoscaling_target.lethe.resource_id

  target_tracking_scaling_policy_configuration {
    target_value      = 60
    scale_in_cooldown = 600

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

output "address" {
  value = aws_lb.lethe.dns_name
}
