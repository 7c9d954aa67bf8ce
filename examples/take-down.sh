#!/usr/bin/env bash
# Takes an environment down: deletes the stacks that are named, in the order in which they let go of each
# other, and tells in the end what stays. Names come in any order; stacks that are not there count as gone.
#
#   examples/take-down.sh --region ap-southeast-2 test-network test web-balancer web-files web web-scaling
#
#   --region REGION   the region of all of them; by default the one of the environment or the profile
#   --yes             does not ask
#   --dry-run         tells what would be deleted, and ends
#
# Needs bash and the AWS CLI, with credentials of the account whose environment it is: nothing of redbutton
# may delete a stack. A stack with termination protection is not deleted; the command that lifts it is told.
# Run it again after something was in the way: it goes on where it stopped.
set -euo pipefail

die() {
  printf 'take-down: %s\n' "$1" >&2
  exit 1
}

usage() {
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "$0"
}

ask=true
dry_run=false
names=()
while (($#)); do
  case $1 in
    # Version 1 of the CLI knows one of the two, version 2 both.
    --region) export AWS_REGION="${2:?--region needs a region}" AWS_DEFAULT_REGION="$2"; shift ;;
    --yes) ask=false ;;
    --dry-run) dry_run=true ;;
    -h | --help) usage; exit 0 ;;
    -*) die "$1 is not known; --help tells what is" ;;
    *) names+=("$1") ;;
  esac
  shift
done
((${#names[@]})) || die 'no stack is named; --help tells how'
command -v aws > /dev/null || die 'the AWS CLI (aws) is not installed'

cloudformation() {
  aws cloudformation "$@" --output text
}

# Whoever refers to another stack's resources goes before it. What a stack is, its resources say.
rank() {
  # Roles alone (templates/roles.yaml): CloudFormation deletes a service with the role that released it.
  local others=${1//AWS::IAM::Role,/}
  [[ -n ${others//,/} ]] || { echo 8; return; }
  # A policy alone (templates/boundary.yaml): IAM keeps it as long as a role has it as its boundary.
  others=${others//AWS::IAM::ManagedPolicy,/}
  [[ -n ${others//,/} ]] || { echo 9; return; }
  case $1 in
    *AWS::EC2::VPC,*) echo 9 ;;                             # network
    *AWS::ECS::Cluster,*) echo 7 ;;                         # cluster
    *AWS::EFS::AccessPoint,*) echo 6 ;;                     # files
    *AWS::ElasticLoadBalancingV2::LoadBalancer,*) echo 5 ;; # balancer
    *AWS::ElasticLoadBalancingV2::ListenerRule,*) echo 4 ;; # ... a rule on another's
    *AWS::Backup::BackupPlan,*) echo 3 ;;                   # backup
    *AWS::ECS::Service,*) echo 2 ;;                         # service
    *) echo 1 ;;                                            # scaling, restart, API
  esac
}

plan=()
for name in "${names[@]}"; do
  if ! found=$(cloudformation describe-stacks --stack-name "$name" \
    --query 'Stacks[0].[StackId, EnableTerminationProtection]' 2>&1); then
    [[ $found == *'does not exist'* ]] || die "$found"
    printf 'There is no stack %s (any more).\n' "$name"
    continue
  fi
  read -r id protected <<< "$found"
  if [[ $protected == True ]]; then
    die "$name has termination protection. If it is really to go:
  aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name $name"
  fi
  types=$(cloudformation describe-stack-resources --stack-name "$name" --query 'StackResources[].ResourceType')
  plan+=("$(rank "$(tr '[:space:]' ',' <<< "$types"),") $name $id")
done
if ((${#plan[@]} == 0)); then
  echo 'Nothing is left to delete.'
  exit 0
fi
sorted=$(printf '%s\n' "${plan[@]}" | sort)

account=$(aws sts get-caller-identity --query Account --output text)
printf 'In account %s these stacks are deleted, one after the other:\n' "$account"
while read -r _ name _; do
  printf '  %s\n' "$name"
done <<< "$sorted"
$dry_run && exit 0
if $ask; then
  read -r -p 'Write the number of the account to go on: ' answer
  [[ $answer == "$account" ]] || die 'nothing was deleted'
fi

stays=()
while read -r _ name id; do
  printf 'Deleting %s … ' "$name"
  cloudformation delete-stack --stack-name "$id"
  if ! cloudformation wait stack-delete-complete --stack-name "$id"; then
    printf 'failed:\n' >&2
    cloudformation describe-stack-events --stack-name "$id" \
      --query 'StackEvents[?ResourceStatus==`DELETE_FAILED`].[LogicalResourceId, ResourceStatusReason]' >&2
    die "$name is not gone. Mend what is named, and run this again."
  fi
  echo gone
  # What the template retains is skipped, and told by the stack's id for 90 days.
  while read -r type what; do
    [[ -n $type ]] && stays+=("$type  $what  (of $name)")
  done < <(cloudformation describe-stack-events --stack-name "$id" \
    --query 'StackEvents[?ResourceStatus==`DELETE_SKIPPED`].[ResourceType, PhysicalResourceId]' | sort -u)
done <<< "$sorted"

echo
if ((${#stays[@]})); then
  echo 'What stays, because nobody could make it again. Look at it before you delete it by hand:'
  printf '  %s\n' "${stays[@]}"
else
  echo 'None of these stacks had anything that stays.'
fi
echo 'AWS keeps by itself, and nothing refers to it any more: revisions of task definitions (inactive), log'
echo 'groups of Container Insights (/aws/ecs/containerinsights/CLUSTER/performance), and recovery points of EFS.'
