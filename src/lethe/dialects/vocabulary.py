"""Words of the APIs: a loss says them. Any other name of a field is its writer's own text, and is not repeated."""

# Fields that count as dropped where they are left over, and so stand in no table of severities: those of the vendors'
# SDKs (anthropic 2.13.0, openai 3.57.0, google-genai 3.6.1) and of the register, which a test holds this to; and
# `prefix` and `partial`, by which other servers go on from a message (docs.mistral.ai, help.aliyun.com).
UNWEIGHED = frozenset(
    # One string, since it is words to be read and no code.
    """
    accessToken access_programs acknowledged_safety_checks action actions active adaptationPhrases
    adaptive_decay adaptive_target add_generation_prompt add_special_tokens additionalModelRequestFields
    additionalModelResponseFieldPaths additionalProperties allow_fallbacks allowed_domains allowed_token_ids
    allowed_tools alpha always amazon-bedrock-guardrailConfig anthropic anyOf apiAuth apiKey apiKeyConfig
    apiKeySecret apiKeySecretVersion apiKeyString apiSpec approval_request_id approve approximate args arguments
    aspectRatio async attributes audio audioMetadata audioTranscription audioTranscriptionConfig audio_url
    authConfig authType authorization authorization_token autoMode automaticCaching backend_sampling
    background_options bad_words best_of bill_to bitRate blocked_domains blockingConfidence boolValue
    budget_tokens button byok bytes cachePoint cache_prompt cache_salt cachedContent cached_content caching
    call_id caller_id categories category chat_template_kwargs citation_options cited_text city clear_at
    clear_at_least clear_thinking clear_tool_inputs client_tool_results close_tab code codeExecution
    codeExecutionResult code_execution command commands compact_threshold comparison_response_id
    completion_window complexity compliance compound_custom computerUse computer_use configs connector_id
    consentAudio container_id contentLayers contents context context_compression context_hint
    context_length_exceeded_behavior continuationToken continuation_id continuation_token continue_final_message
    conversation country credentialSecret cursor_position customConfigs customVocabulary cyber data dataStore
    dataStoreSpecs data_collection data_sources datastore debug default default_config deferred definition defs
    delivery description diarization diff dimensions disableAttribution disableParallelToolUse
    disable_parallel_tool_use disable_reasoning disable_tool_validation disabledSafetyPolicies
    disallowPromptTraining displayName display_height display_height_px display_number display_width
    display_width_px document documentMetadata document_index document_title document_url documents domain
    domain_secrets double_click download_id draft_model dry_allowed_length dry_base dry_multiplier
    dry_penalty_last_n dry_sequence_breakers duration dynamicRetrievalConfig dynamicThreshold dynatemp_exponent
    dynatemp_range ec_transfer_params echo echoTargetLanguage echo_last edits effort elasticSearchParams
    embedding_types embedding_weight enableAffectiveDialog enableDataRetention enablePromptInjectionDetection
    enableWidget enableZeroDataRetention enable_thinking enable_zoom enabled encoding_format encrypted_content
    encrypted_index encrypted_stdout endOffset endPage endTime end_block_index end_char_index end_index
    end_page_number endpoint engine enterpriseWebSearch enterprise_web_search enum env environment error
    error_code error_message exaAiSearch exa_ai_search example excludeDomains exclude_domains exclude_tools
    excludedPredefinedFunctions executableCode execution exit_code externalApi external_web_access
    featureSelectionPreference fileSearch fileSearchStoreNames fileUri file_data file_id file_ids file_search
    file_type file_upload file_url filename filter filters find fingerprint finished form_input fps frame_count
    frame_duration_ms frequencyPenalty frequency_penalty from functionCallingConfig functionDeclarations
    function_call function_declarations function_response functions gateway gcsUri generation_config
    get_page_text googleMaps googleSearch googleSearchRetrieval googleServiceAccountConfig google_maps
    google_search google_search_retrieval grammar groundingTypes guardrailConfig guardrails guided_choice
    guided_grammar guided_json guided_regex headers hold_key hover httpBasicAuthConfig httpElementLocation
    hybridSearch hybrid_search idToken id_slot ignore_eos imageSearch imageSize image_config include_domains
    include_reasoning include_stop_str_in_output include_usage inferenceConfig inference_geo input
    input_fidelity input_image_mask input_schema input_tokens input_type instructions is_error is_file_update
    items javascript_exec jsonPath k keep keep_alive key keys kv_transfer_params language languageAuto
    languageCode languageCodes languageHints latLng latitude left_click left_click_drag left_mouse_down
    left_mouse_up length_penalty level lines list_tabs llmRanker logits_processors logprob logprob_token_ids
    logs longitude lora manualMode maxItems maxLength maxOutputTokens maxProperties maxResults max_characters
    max_completion_tokens max_content_tokens max_num_results max_output_length max_output_tokens max_uses
    maximum mcpServers mcp_server_name mcp_servers media_type memory_limit messages metadataFilter middle_click
    minItems minLength minProperties min_keep min_tokens minimum mirostat mirostat_eta mirostat_lr
    mirostat_target mirostat_tau mm_processor_kwargs model modelArmorConfig modelName modelRoutingPreference
    modelSelectionConfig model_armor_config models moderation_details moderation_stage mouse_move
    multiSpeakerVoiceConfig n_cmpl n_discard n_indent n_keep n_predict n_probs navigate network_policy never
    new_lines new_start new_tab normalize nullValue nullable numHits numTokens num_ctx num_lines numberValue
    oauthConfig oidcConfig old_lines old_start only openai operation options order outcome output outputConfig
    output_compression output_dimension output_dtype output_format output_tokens outputs oversized_image p
    page_age parallelAiSearch parallelToolCalls parallel_ai_search parallel_tool_calls param
    parametersJsonSchema parse_tool_calls partial partialArgs partial_images parts path pattern pause_after_compaction
    pending_safety_checks perf_metrics_in_response personality places plugins policy post_sampling_probs
    prebuiltVoiceConfig prefix prefix_mismatch_behavior presencePenalty presence_penalty preset previousInteractionId
    previousResponseId previous_interaction_id previous_message_id previous_response_id prewarm priority
    projectIdentifier prompt promptVariables prompt_cache_isolation_key prompt_logprobs prompt_mode prompt_name
    prompt_truncate_len properties propertyOrdering providerOptions quality queries query ragCorpora ragCorpus
    ragFileIds ragResources ragRetrievalConfig random_seed rankService ranker ranking ranking_options raw_output
    read_console read_network read_only read_page reason reasoningConfig reasoningEffort reasoningSummary
    reasoning_budget_end_tag reasoning_budget_end_tags reasoning_budget_message reasoning_budget_start_tag
    reasoning_budget_tokens reasoning_config reasoning_control reasoning_effort reasoning_format
    reasoning_history reasoning_tokens ref refusal region remaining repeat_last_n repeat_penalty
    repetition_detection replicatedVoiceConfig requestMetadata request_id require_approval require_parameters
    required resolution responseFormat responseLogprobs responseMimeType response_fields response_inclusion
    result results retrieval retrieved_at return_code return_progress return_prompt_text return_token_ids
    return_tokens return_tokens_as_token_ids revised_prompt right_click route routed_experts_prompt_start
    routing routingConfig s3Location safe_prompt safe_tokenization safeguards safety_mode safety_model
    safety_settings sampleRate samplers schema score score_threshold screenshot scroll scroll_to scroll_x
    scroll_y searchTemplate searchTypes search_content_types search_context_size search_parameters
    search_result_index search_settings seed sendReasoning server_description server_label server_name
    server_tool_results server_url serviceAccount sessionResumption session_id session_resumption sheetIndex
    signature similarityTopK simpleSearchParams size size_bytes skill_id skills skip_special_tokens sort
    sourceText sources spaces_between_special_tokens speaker speakerLabel speakerVoiceConfigs speculation
    speechConfig speechMetadata spreadsheetMetadata sseReadTimeout sse_ping_interval startOffset startPage
    startTime start_block_index start_char_index start_index start_line start_page_number state_changes stderr
    stdout stop stopSequences stop_sequences stop_token_ids storeContext stream stream_interval
    streamableHttpTransport strict strictJsonSchema stringValue structured_outputs style svg svg_usage
    switch_tab syntax system systemTool system_instruction t_max_predict_ms t_max_prompt_ms tab_id tabs tags
    targetLanguageCode task temperature terminateOnClose textVerbosity text_weight think thinking thinkingConfig
    thinking_forced_open thinking_token_budget thought thoughtSignature thread timeRangeFilter timeout
    timeout_ms timezone timings_per_token title to token tool toolCall toolResponse toolResult toolType
    tool_call_id tool_calls tool_changes tool_choice tool_config tool_configuration tool_id tool_name tool_names
    tool_references tool_use_id tools topK topP top_a top_logprobs top_n_sigma top_p top_prompt_logprobs total
    total_lines total_tokens transforms translationConfig trigger triple_click truncate truncate_prompt_tokens
    truncation_side ttl tunnel_id typical_p url urlContext url_context url_sources use_beam_search use_cache
    user user_id user_input user_location user_security_context value variables vectorDistanceThreshold
    vectorSimilarityThreshold vector_store_ids version vertexAiSearch vertexRagStore video video_url
    visibleCells voice voiceConfig voiceConsentSignature voiceName voiceSampleAudio wait watermarking webSearch
    web_search_options word wordTimestamp words working_directory x xtc_probability xtc_threshold y zdr
    zeroDataRetention zoom
    """.split()  # noqa: SIM905
)
