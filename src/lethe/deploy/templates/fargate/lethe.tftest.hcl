# terraform init && terraform test: the plan says what it has to, without an account.
mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
}

variables {
  vpc_id           = "vpc-1"
  balancer_subnets = ["subnet-1", "subnet-2"]
  task_subnets     = ["subnet-3", "subnet-4"]
  certificate_arn  = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  secret_arns = {
    %%TEST_ARNS%%
  }
}

run "nothing_is_kept" {
  command = plan

  assert {
    condition     = !aws_lb.lethe.access_logs[0].enabled && !aws_lb.lethe.connection_logs[0].enabled
    error_message = "the balancer would log"
  }

  assert {
    condition     = aws_lb.lethe.idle_timeout == %%IDLE%%
    error_message = "the idle timeout is not the one that heartbeats need"
  }

  assert {
    condition     = !strcontains(aws_ecs_task_definition.lethe.container_definitions, "logConfiguration")
    error_message = "the container's output would be stored"
  }

  assert {
    condition     = !aws_ecs_service.lethe.enable_execute_command
    error_message = "sessions in the container would be possible"
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.lethe.container_definitions)[0].readonlyRootFilesystem
    error_message = "the container could write files"
  }
}
