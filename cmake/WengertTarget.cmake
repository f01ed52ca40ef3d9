# How everything in this tree is compiled: the flags, and the function that gives them to a target.

# Warnings, sanitizers and the like. Linked privately, so that users of the library inherit none of it.
add_library(wengert_flags INTERFACE)
if(CMAKE_C_COMPILER_ID MATCHES "GNU|Clang")
    # FMA only where the code asks for it: otherwise compilers differ in the last bits.
    # Neither traps nor errno are looked at; no value changes, and selects and roots become vector code.
    target_compile_options(wengert_flags INTERFACE -ffp-contract=off -fno-trapping-math -fno-math-errno
        -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wmissing-prototypes -Wstrict-prototypes -Wundef -Wvla
        $<$<BOOL:${WENGERT_WERROR}>:-Werror>)
endif()
if(WENGERT_SANITIZE)
    target_compile_options(wengert_flags INTERFACE
        -fsanitize=${WENGERT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(wengert_flags INTERFACE -fsanitize=${WENGERT_SANITIZE})
endif()
if(WENGERT_COVERAGE)
    target_compile_options(wengert_flags INTERFACE --coverage)
    target_link_options(wengert_flags INTERFACE --coverage)
endif()
if(WENGERT_STRESS)
    target_compile_definitions(wengert_flags INTERFACE WG_STRESS)
endif()

# wengert_target(<target>): strict C11, hidden symbols, and the flags above.
function(wengert_target target)
    set_target_properties(${target} PROPERTIES
        C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF C_VISIBILITY_PRESET hidden)
    target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:wengert_flags>)
endfunction()
